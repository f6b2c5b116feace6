import { NodeServiceService, RenderNodeRequest, RenderNodeResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { quoted } from '../../control/names.js';
import { sanitise, sanitiseLines } from '../../output/sanitise.js';

export const nodeRender = defineCommand({
  description: 'The files that are written into the root of the node, its environment and its start command. Secrets are left out.',
  examples: [
    { command: 'wo node render riak-1', explanation: 'look at what a template became' },
    { command: 'wo node render riak-1 -o json', explanation: 'for a program' },
  ],
  arguments: { node: object('node') },
  options: {},
  async run(runtime, { node }) {
    const { print } = runtime;
    const control = await runtime.control();
    const answer = await control.call(NodeServiceService.renderNode, RenderNodeRequest.fromPartial({ node }));
    if (print.isForPrograms) return print.json(RenderNodeResponse.toJSON(answer));
    for (const file of answer.files) {
      print.data(print.out.bold(`--- ${sanitise(file.path)}`));
      print.data(sanitiseLines(file.content.trimEnd()));
    }
    print.data(print.out.bold('--- environment'));
    for (const [key, value] of Object.entries(answer.environment).sort()) print.data(`${sanitise(key)}=${sanitise(quoted(value))}`);
    print.data(print.out.bold('--- start'));
    print.data(answer.start.map((word) => sanitise(quoted(word))).join(' '));
  },
});
