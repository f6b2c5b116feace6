import { durationFromMs } from '@wombat/proto';
import { CreateOperatorTokenRequest, CreateOperatorTokenResponse, OperatorServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { duration, texts } from '../../options.js';
import { UsageError } from '../../usage-error.js';

export const operatorCreate = defineCommand({
  description: [
    'Makes a token that lets a person or a program call the coordinator. It is shown this once and stored as a hash only.',
    'Roles: viewer reads, deployer reads and changes, exec reads and runs commands, admin may do everything. Several may be given.',
  ].join('\n'),
  examples: [
    { command: 'wo operator create ada --role admin > ada.token', explanation: 'into a file, which gets the token alone; WO_TOKEN_FILE names it' },
    { command: 'wo operator create ci --role deployer --role exec --ttl 90d', explanation: 'for a program, with two roles' },
  ],
  arguments: { name: required('name of the person or program') },
  options: {
    role: texts('--role <role>', 'viewer, deployer, exec, console or admin; may be given several times'),
    ttl: duration('--ttl <duration>', 'how long it is valid; 30d when left out'),
  },
  async run(runtime, { name }, { role, ttl }) {
    if (role.length === 0) throw new UsageError('a token needs a role', 'give --role viewer, deployer, exec, console or admin');
    const { print, io } = runtime;
    const control = await runtime.control();
    const request = CreateOperatorTokenRequest.fromPartial({ mutation: newMutation(), name, roles: [...role], ...(ttl && { validFor: durationFromMs(ttl) }) });
    const answer = await control.call(OperatorServiceService.createOperatorToken, request);
    if (print.isForPrograms) return print.json(CreateOperatorTokenResponse.toJSON(answer));
    print.data(answer.token);
    if (io.stdout.isTTY === true) print.tell(`it lets ${name} call the coordinator, until ${answer.operatorToken?.expiresAt?.toISOString() ?? 'it is revoked'}; it is not shown again`);
  },
});
