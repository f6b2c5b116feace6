import { DataPolicy, NodeServiceService, RemoveNodesRequest, RemoveNodesResponse } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';
import { count } from '../../output/words.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';
import type { Runtime } from '../../runtime.js';
import { ask, confirm } from '../confirm.js';

export const nodeRemove = defineCommand({
  description: [
    'The nodes leave their cluster, are stopped, and are taken off their hosts. Their data directories are kept or deleted as you say;',
    'when neither is said, the coordinator refuses as soon as one of them holds anything.',
  ].join('\n'),
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node remove riak-3 --keep-data', explanation: 'asks first; a new node on the same host finds the data again' },
    { command: 'wo node remove "Riak node family" --delete-data --yes', explanation: 'every node of a family, in a script' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: {
    keepData: flag('--keep-data', 'keep the data directories'),
    deleteData: flag('--delete-data', 'delete the data directories'),
    ...operationOptions,
  },
  async run(runtime, { nodes }, { keepData, deleteData, detach }) {
    if (keepData && deleteData) throw new UsageError('--keep-data and --delete-data do not go together');
    const what = nodes.length === 1 ? `the node ${nodes[0]!}, or every node of the family of this name` : `${count(nodes.length, 'node')}, or every node where a family is named`;
    await confirm(runtime, `this removes ${what}${deleteData ? ' and deletes the data' : ''}`, nodes);
    const data = keepData ? DataPolicy.KEEP : deleteData ? DataPolicy.DELETE : await askForData(runtime);
    const control = await runtime.control();
    const request = RemoveNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], data });
    const { operation } = await control.call(NodeServiceService.removeNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => RemoveNodesResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});

/** Unspecified when nobody can be asked: then the coordinator refuses where a word is needed. */
async function askForData(runtime: Runtime): Promise<DataPolicy> {
  const answer = await ask(runtime, 'keep or delete the data directories? [keep/delete] ');
  if (answer === undefined) return DataPolicy.UNSPECIFIED;
  const word = answer.trim().toLowerCase();
  if (word !== '' && 'keep'.startsWith(word)) return DataPolicy.KEEP;
  if (word !== '' && 'delete'.startsWith(word)) return DataPolicy.DELETE;
  throw new UsageError('the answer is neither keep nor delete');
}
