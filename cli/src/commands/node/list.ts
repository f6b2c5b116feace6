import { ListNodesRequest, Node, NodeServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { flag, oneOf, text } from '../../options.js';
import { nodePhaseWords } from '../../progress/phases.js';
import { byName } from '../../output/by-name.js';
import { listOptions } from '../common.js';
import { nodeColumns } from './view.js';

export const nodeList = defineCommand({
  description: 'Every node with its phase, its host, and what it waits for or why it failed.',
  examples: [
    { command: 'wo node list --family "Riak node family"', explanation: 'of one family' },
    { command: 'wo node list --phase failed -o jsonl', explanation: 'those that failed, one JSON object a line' },
  ],
  arguments: {},
  options: {
    family: text('--family <family>', 'of this family', 'family'),
    host: text('--host <host>', 'on this host', 'host'),
    phase: oneOf('--phase <phase>', `one of ${nodePhaseWords.join(', ')}`, nodePhaseWords),
    all: flag('-a, --all', 'also those that are gone'),
    ...listOptions,
  },
  async run(runtime, _, { family, host, phase, all, limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(NodeServiceService.listNodes, ListNodesRequest.fromPartial({ page, includeGone: all || phase === 'gone' }));
      return { items: answer.nodes, page: answer.page };
    }, { filter: filterOf({ family, host, phase }), ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items: orderBy ? items : byName(items), columns: nodeColumns(runtime.clock.now(), runtime.print.out), key: 'nodes', toJson: Node.toJSON,
      nothing: 'no such nodes; begin with: wo deploy-nodes FAMILY --amount 2',
    });
  },
});
