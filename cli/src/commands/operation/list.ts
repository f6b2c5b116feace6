import { ListOperationsRequest, Operation, OperationServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { idOf } from '../../control/names.js';
import { allPages, filterOf } from '../../control/paging.js';
import { oneOf, text } from '../../options.js';
import { listOptions } from '../common.js';
import { operationColumns } from './view.js';

const states = ['waiting', 'running', 'succeeded', 'failed', 'partial', 'cancelling', 'cancelled'] as const;

export const operationList = defineCommand({
  description: 'What was asked for, how far it is, and why it failed or waits. The newest come first.',
  examples: [
    { command: 'wo operation list --limit 10', explanation: 'the last ten' },
    { command: 'wo operation list --family web --state running -q', explanation: 'ids of what goes on in a family' },
  ],
  arguments: {},
  options: {
    family: text('--family <family>', 'of this family', 'family'),
    state: oneOf('--state <state>', `one of ${states.join(', ')}`, states),
    kind: text('--kind <kind>', 'deploy, start, stop, restart, remove, ...', { words: ['deploy', 'scale', 'start', 'stop', 'restart', 'drain', 'remove', 'drain_host', 'remove_host', 'replace', 'update', 'update_agents'] }),
    ...listOptions,
  },
  async run(runtime, _, { family, state, kind, limit = 50, orderBy = 'created_at desc' }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(OperationServiceService.listOperations, ListOperationsRequest.fromPartial({ page }));
      return { items: answer.operations, page: answer.page };
    }, { filter: filterOf({ family, state, kind }), limit, orderBy });
    await runtime.print.list({
      items, columns: operationColumns(runtime.clock.now()), key: 'operations', toJson: Operation.toJSON, name: idOf, nothing: 'no such operations',
    });
  },
});
