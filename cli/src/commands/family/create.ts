import { quoted } from '@wombat/proto';
import { CreateFamilyRequest, CreateFamilyResponse, FamilyServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { idOf, labelOf } from '../../control/names.js';
import { pairs, secretPairs, text } from '../../options.js';
import { SecretReader, secretHelp } from '../../parse/secret.js';
import { dryRunOption } from '../common.js';
import { replaceOption } from './replace-option.js';
import { restartOptions, restartSpec } from './restart-options.js';

export const familyCreate = defineCommand({
  description: [
    'Nodes of a family run one release. When a node becomes ready, the selector chooses the contacts that it is given,',
    'and the bootstrap strategy makes it join its cluster. `wo plugin list` shows the strategies there are.',
    secretHelp,
  ].join('\n'),
  examples: [
    { command: 'wo create-family "Riak node family" --sel random --clust custom --clust-opt cmd:bin/bootstrap', explanation: 'a command of the release joins the nodes' },
    { command: 'FAMILY=$(wo create-family web --clust erlang-mesh --env LOG_LEVEL=info)', explanation: 'a script gets the id alone' },
    { command: 'wo create-family shop --env PHX_SERVER=true --secret SECRET_KEY_BASE=file:key.txt', explanation: 'what the release does not start without' },
  ],
  arguments: { name: required('name of the family') },
  options: {
    sel: text('--sel <selector>', 'random, oldest or all: which nodes a joining node is told of', { words: ['random', 'oldest', 'all'] }),
    clust: text('--clust <strategy>', 'bootstrap strategy: none, custom, erlang-mesh, ...', 'strategy'),
    clustOpt: pairs('--clust-opt <key:value>', 'option of the strategy; may be repeated', ':'),
    env: pairs('--env <key=value>', 'environment of every node; may be repeated'),
    secret: secretPairs('--secret <name=value>', 'secret variable of every node; may be repeated'),
    ...restartOptions,
    ...replaceOption,
    ...dryRunOption,
  },
  async run(runtime, { name }, options) {
    const secrets = await new SecretReader(runtime).readAll(options.secret);
    const control = await runtime.control();
    const strategy = options.clust ?? '';
    const answer = await control.call(FamilyServiceService.createFamily, CreateFamilyRequest.fromPartial({
      mutation: newMutation(options.dryRun), name, selector: options.sel ?? '', bootstrap: { strategy, options: { ...options.clustOpt } }, environment: { ...options.env }, secrets, restart: restartSpec(options), replacement: options.replace.at(-1),
    }));
    const family = answer.family!;
    const json = CreateFamilyResponse.toJSON(answer);
    if (answer.dryRun) return runtime.print.planned(`family ${labelOf(family)} would be created`, json);
    await runtime.print.created({
      id: idOf(family), name, json,
      line: `family ${labelOf(family)}  ${idOf(family)}`,
      next: `wo attach-release ${quoted(name)} RELEASE`,
    });
  },
});
