import { exitCodes, fromErrorDetail } from '@wombat/proto';
import { ListNodeLogsRequest, NodeLog, NodeServiceService } from '@wombat/proto/control';
import { sanitise } from '../../output/sanitise.js';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';
import { bytes } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';

/** Which logs nodes have. Nodes that cannot be asked are told on stderr. */
export async function listLogs(runtime: Runtime, nodes: readonly string[]): Promise<number> {
  const control = await runtime.control();
  const { print } = runtime;
  const answer = await control.call(NodeServiceService.listNodeLogs, ListNodeLogsRequest.fromPartial({ nodes: [...nodes] }));
  const [problem] = answer.problems;
  if (problem?.error && answer.nodes.length === 1) throw fromErrorDetail(problem.error);
  await print.list({
    items: answer.logs, columns: columns(runtime.clock.now()), key: 'logs', toJson: NodeLog.toJSON,
    id: ({ log }) => log, name: ({ log }) => log, nothing: 'no logs yet',
  });
  for (const { nodeName, error } of answer.problems) print.warn(`${sanitise(nodeName)}: ${error?.code ?? ''}: ${sanitise(error?.message ?? '')}`);
  for (const { nodeName } of answer.omitted) print.warn(`${sanitise(nodeName)} has more log files than are read; those written last are`);
  if (answer.problems.length === 0) return exitCodes.done;
  return answer.problems.length < answer.nodes.length ? exitCodes.partial : exitCodes.failed;
}

function columns(nowMs: number): Column<NodeLog & { metadata?: undefined }>[] {
  return [
    { title: 'NODE', text: ({ nodeName }) => nodeName },
    { title: 'LOG', text: ({ log }) => log },
    { title: 'KEPT', text: ({ oldestOffset, endOffset }) => bytes(endOffset - oldestOffset) },
    { title: 'FROM', text: ({ oldestOffset }) => String(oldestOffset) },
    { title: 'WRITTEN', text: ({ modifiedAt }) => relative(modifiedAt, nowMs) },
  ];
}
