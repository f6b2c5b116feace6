import { DataPolicy, NodeServiceService, RemoveNodesRequest, RemoveNodesResponse, type NodeData } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { count } from '../../output/words.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { noDrainOption, operationOptions, operationTimeoutHelp } from '../common.js';
import { confirm } from '../confirm.js';
import { askForData, dataOptions, heldText } from '../data.js';

export const nodeRemove = defineCommand({
  description: [
    'The nodes are drained (see `wo node drain`), stopped, and taken off their hosts. Their data directories are kept or deleted as you say;',
    'when neither is said, you are asked, and told how much they hold. Nothing need be said when all of them are empty.',
  ].join('\n'),
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node remove riak-3 --keep-data', explanation: 'asks first; a new node on the same host finds the data again' },
    { command: 'wo node remove "Riak node family" --delete-data --yes', explanation: 'every node of a family, in a script' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: {
    ...dataOptions,
    ...noDrainOption,
    ...operationOptions,
  },
  async run(runtime, { nodes }, { keepData, deleteData, noDrain, detach, wait }) {
    if (keepData && deleteData) throw new UsageError('--keep-data and --delete-data do not go together');
    const control = await runtime.control();
    const isAsked = !keepData && (!deleteData || !runtime.flags.yes);
    const held = isAsked ? heldText(await dataOf(control, nodes)) : '';
    const what = nodes.length === 1 ? `the node ${nodes[0]!}, or every node of the family of this name` : `${count(nodes.length, 'node')}, or every node where a family is named`;
    await confirm(runtime, `this removes ${what}${deleteData ? ` and deletes the data${held && `: ${held}`}` : ''}`, nodes);
    const data = keepData ? DataPolicy.KEEP : deleteData ? DataPolicy.DELETE : await askForData(runtime, held);
    const request = RemoveNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], data, noDrain, ...(wait && { wait }) });
    const { operation } = await control.call(NodeServiceService.removeNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => RemoveNodesResponse.toJSON({ operation: each, data: [] }), ...(timeout && { waitMs: timeout }) });
  },
});

async function dataOf(control: Control, nodes: readonly string[]): Promise<readonly NodeData[]> {
  const request = RemoveNodesRequest.fromPartial({ mutation: { dryRun: true }, nodes: [...nodes] });
  return (await control.call(NodeServiceService.removeNodes, request)).data;
}
