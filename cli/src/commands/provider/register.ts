import { ProviderServiceService, RegisterProviderRequest, RegisterProviderResponse } from '@wombat/proto/control';
import { defineCommand, required, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { idOf, labelOf } from '../../control/names.js';
import { secretPairs } from '../../options.js';
import { SecretReader, secretHelp } from '../../parse/secret.js';
import { tellNotes } from '../notes.js';

/** The driver stands last, so that it can be told from the credentials before it. */
export const providerRegister = defineCommand({
  usage: 'NAME [CREDENTIAL...] DRIVER',
  description: `The driver says which settings the credentials fill, in order; the coordinator verifies them before the provider is stored.\n${secretHelp}`,
  examples: [
    { command: 'wo register-provider local local', explanation: 'hosts on this machine' },
    { command: 'wo register-provider "My EC2 Account" env:AWS_ACCESS_KEY_ID file:secret.key amazon-ec2 --set region=eu-west-1', explanation: 'a cloud account' },
  ],
  arguments: {
    name: required('name of the provider'),
    rest: some('the credentials, if the driver takes any, then the driver', { label: 'CREDENTIAL-OR-DRIVER', completes: 'driver' }),
  },
  options: { set: secretPairs('--set <key=value>', 'a setting of the driver; values may be given like secrets') },
  async run(runtime, { name, rest }, options) {
    const secrets = new SecretReader(runtime);
    const driver = rest.at(-1)!;
    const credentials: string[] = [];
    for (const [index, given] of rest.slice(0, -1).entries()) credentials.push(await secrets.read(given, `credential ${index + 1}`));
    const settings: Record<string, string> = {};
    for (const [key, value] of Object.entries(options.set)) settings[key] = await secrets.readSetting(value, `setting ${key}`);
    const control = await runtime.control();
    const request = RegisterProviderRequest.fromPartial({ mutation: newMutation(), name, driver, credentials, settings });
    const answer = await control.call(ProviderServiceService.registerProvider, request);
    const { provider } = answer;
    tellNotes(runtime, answer.notes);
    await runtime.print.created({
      id: idOf(provider),
      name,
      json: RegisterProviderResponse.toJSON(answer),
      line: `provider ${provider ? labelOf(provider) : name} (${driver})  ${idOf(provider)}`,
      next: `wo provider images ${idOf(provider)}`,
    });
  },
});
