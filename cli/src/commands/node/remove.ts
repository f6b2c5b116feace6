import { DataPolicy, NodeServiceService, RemoveNodesRequest, RemoveNodesResponse, type NodeData } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';
import { bytes, count } from '../../output/words.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { noDrainOption, operationOptions, operationTimeoutHelp } from '../common.js';
import type { Runtime } from '../../runtime.js';
import { ask, confirm } from '../confirm.js';

/** Of those whose size is told. */
const shownNodes = 10;

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
    keepData: flag('--keep-data', 'keep the data directories'),
    deleteData: flag('--delete-data', 'delete the data directories'),
    ...noDrainOption,
    ...operationOptions,
  },
  async run(runtime, { nodes }, { keepData, deleteData, noDrain, detach }) {
    if (keepData && deleteData) throw new UsageError('--keep-data and --delete-data do not go together');
    const control = await runtime.control();
    const isAsked = !keepData && (!deleteData || !runtime.flags.yes);
    const held = isAsked ? await heldData(control, nodes) : '';
    const what = nodes.length === 1 ? `the node ${nodes[0]!}, or every node of the family of this name` : `${count(nodes.length, 'node')}, or every node where a family is named`;
    await confirm(runtime, `this removes ${what}${deleteData ? ` and deletes the data${held && `: ${held}`}` : ''}`, nodes);
    const data = keepData ? DataPolicy.KEEP : deleteData ? DataPolicy.DELETE : await askForData(runtime, held);
    const request = RemoveNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], data, noDrain });
    const { operation } = await control.call(NodeServiceService.removeNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => RemoveNodesResponse.toJSON({ operation: each, data: [] }), ...(timeout && { waitMs: timeout }) });
  },
});

/** "web-1: 12.3 MiB, web-2: unknown"; nothing when all directories are empty. */
async function heldData(control: Control, nodes: readonly string[]): Promise<string> {
  const request = RemoveNodesRequest.fromPartial({ mutation: { dryRun: true }, nodes: [...nodes] });
  const { data } = await control.call(NodeServiceService.removeNodes, request);
  const held = data.filter(({ empty }) => !empty);
  const shown = held.slice(0, shownNodes).map((each) => `${each.nodeName}: ${sizeOf(each)}`);
  return [...shown, ...(held.length > shownNodes ? [`${held.length - shownNodes} more`] : [])].join(', ');
}

function sizeOf({ sizeBytes, atLeast }: NodeData): string {
  if (sizeBytes === undefined) return 'unknown, its host cannot be asked';
  return `${atLeast ? 'at least ' : ''}${bytes(sizeBytes)}`;
}

/** Unspecified when there is none, or nobody can be asked: then the coordinator refuses where a word is needed. */
async function askForData(runtime: Runtime, held: string): Promise<DataPolicy> {
  if (held === '') return DataPolicy.UNSPECIFIED;
  const answer = await ask(runtime, `data of ${held}; keep or delete? [keep/delete] `);
  if (answer === undefined) return DataPolicy.UNSPECIFIED;
  const word = answer.trim().toLowerCase();
  if (word !== '' && 'keep'.startsWith(word)) return DataPolicy.KEEP;
  if (word !== '' && 'delete'.startsWith(word)) return DataPolicy.DELETE;
  throw new UsageError('the answer is neither keep nor delete');
}
