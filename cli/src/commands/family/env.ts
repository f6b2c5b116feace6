import { quoted } from '@wombat/proto';
import { FamilyServiceService, GetFamilyRequest, SetEnvironmentRequest, SetEnvironmentResponse, type Family } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { pairs, secretPairs, texts } from '../../options.js';
import { SecretReader, secretHelp } from '../../parse/secret.js';
import type { Runtime } from '../../runtime.js';

/** A variable of every node; the value of a secret is in no answer. */
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly secret: boolean;
}

export const familyEnv = defineCommand({
  description: [
    'Without an option, lists the environment of the nodes of a family; of secrets, the names. With options, changes it: other names keep their values.',
    'New nodes get what is set. Nodes that run keep what they were started with until they are updated, started or restarted: `wo family update FAMILY`.',
    secretHelp,
  ].join('\n'),
  examples: [
    { command: 'wo family env shop', explanation: 'what is set' },
    { command: 'wo family env shop --set LOG_LEVEL=debug --unset OLD_FLAG', explanation: 'change two variables' },
    { command: 'openssl rand -base64 48 | wo family env shop --secret SECRET_KEY_BASE=-', explanation: 'a secret that nobody has seen' },
    { command: 'wo family env shop --secret DB_PASSWORD=file:password.txt && wo family update shop', explanation: 'and have the nodes take it, one after another' },
  ],
  arguments: { family: object('family') },
  options: {
    set: pairs('--set <name=value>', 'set a variable; may be repeated'),
    secret: secretPairs('--secret <name=value>', 'set a secret variable; may be repeated'),
    unset: texts('--unset <name>', 'take a variable or secret away; may be repeated'),
  },
  async run(runtime, { family }, { set, secret, unset }) {
    if (Object.keys(set).length + Object.keys(secret).length + unset.length === 0) return list(runtime, family);
    const secrets = await new SecretReader(runtime).readAll(secret);
    const control = await runtime.control();
    const request = SetEnvironmentRequest.fromPartial({ mutation: newMutation(), family, environment: { ...set }, secrets, unset: [...unset] });
    const answer = await control.call(FamilyServiceService.setEnvironment, request);
    await runtime.print.done(`new nodes of ${family} get this environment`, SetEnvironmentResponse.toJSON(answer));
    const { outdatedNodes } = answer;
    if (outdatedNodes === 0) return;
    runtime.print.tell(`${outdatedNodes} ${outdatedNodes === 1 ? 'node has' : 'nodes have'} an earlier one until ${outdatedNodes === 1 ? 'it is' : 'they are'} updated: wo family update ${quoted(family)}`);
  },
});

async function list(runtime: Runtime, family: string): Promise<void> {
  const control = await runtime.control();
  const answer = await control.call(FamilyServiceService.getFamily, GetFamilyRequest.fromPartial({ family }));
  await runtime.print.list<Variable & { readonly metadata?: undefined }>({
    items: variablesOf(answer.family),
    columns: [
      { title: 'NAME', text: ({ name }) => name, cut: true },
      { title: 'VALUE', text: ({ value }) => value ?? '(secret)' },
    ],
    key: 'variables', toJson: (variable) => variable, id: ({ name }) => name, name: ({ name }) => name,
    nothing: `no variables yet; set one with: wo family env ${quoted(family)} --set NAME=VALUE`,
  });
}

function variablesOf(family: Family | undefined): Variable[] {
  const open = Object.entries(family?.spec?.environment ?? {}).map(([name, value]): Variable => ({ name, value, secret: false }));
  const secret = (family?.spec?.secretNames ?? []).map((name): Variable => ({ name, secret: true }));
  return [...open, ...secret].sort((a, b) => (a.name < b.name ? -1 : 1));
}
