import { quoted } from '@wombat/proto';
import {
  clusterHealthToJSON, FamilyServiceService, GetFamilyStatusRequest, GetFamilyStatusResponse, ListFamiliesRequest, nodePhaseToJSON, type Failure, type Family,
} from '@wombat/proto/control';
import { defineCommand, optional } from '../command.js';
import type { Control } from '../control/control.js';
import { concreteHint, idOf, labelOf } from '../control/names.js';
import { allPages } from '../control/paging.js';
import { byName } from '../output/by-name.js';
import { replacementText } from '../parse/replacement.js';
import { sanitise } from '../output/sanitise.js';
import { table } from '../output/table.js';
import { count } from '../output/words.js';
import { nodePhaseWords } from '../progress/phases.js';
import type { Runtime } from '../runtime.js';
import { clusterWord } from './family/view.js';
import { nodeColumns, waitingOf } from './node/view.js';
import { kindOf } from './operation/view.js';

export const status = defineCommand({
  description: 'What should run, what runs and where, how many nodes have what the family said before, whether it is one cluster, what waits and for what, what failed last and why. Without a family: one line for each.',
  examples: [
    { command: 'wo status', explanation: 'every family' },
    { command: 'wo status "Riak node family"', explanation: 'one family, in full' },
  ],
  arguments: { family: optional('id, name, or the beginning of an id', { completes: 'family' }) },
  options: {},
  async run(runtime, { family }) {
    const control = await runtime.control();
    if (family === undefined) return overview(runtime, control);
    const answer = await statusOf(control, family);
    if (runtime.print.isForPrograms) return runtime.print.json(GetFamilyStatusResponse.toJSON(answer));
    tellFamily(runtime, answer);
  },
});

function statusOf(control: Control, family: string): Promise<GetFamilyStatusResponse> {
  return control.call(FamilyServiceService.getFamilyStatus, GetFamilyStatusRequest.fromPartial({ family }));
}

async function overview(runtime: Runtime, control: Control): Promise<void> {
  const families = await allPages<Family>(async (page) => {
    const answer = await control.call(FamilyServiceService.listFamilies, ListFamiliesRequest.fromPartial({ page }));
    return { items: answer.families, page: answer.page };
  });
  const statuses: GetFamilyStatusResponse[] = [];
  for (let index = 0; index < families.length; index += 8) {
    statuses.push(...(await Promise.all(families.slice(index, index + 8).map((family) => statusOf(control, idOf(family))))));
  }
  await runtime.print.list({
    items: statuses.map((each) => ({ ...each, metadata: each.family?.metadata })),
    columns: [
      { title: 'FAMILY', text: (each) => each.metadata?.name ?? '', cut: true },
      { title: 'RUNNING', text: (each) => `${each.phases['running'] ?? 0}/${each.wantedRunning}` },
      { title: 'NODES', text: phasesOf },
      { title: 'OUTDATED', text: (each) => (each.outdatedNodes > 0 ? String(each.outdatedNodes) : '') },
      { title: 'CLUSTER', text: (each) => clusterWord(each.family?.cluster) },
      { title: 'GOING ON', text: (each) => each.activeOperations.map(kindOf).join(', ') },
      { title: 'LAST FAILURE', text: (each) => each.lastFailure?.error?.code ?? '' },
    ],
    key: 'statuses', toJson: (each) => GetFamilyStatusResponse.toJSON(each), nothing: 'no families yet; begin with: wo create-family NAME',
  });
}

function tellFamily(runtime: Runtime, answer: GetFamilyStatusResponse): void {
  const { print } = runtime;
  const nowMs = runtime.clock.now();
  const family = answer.family!;
  const running = answer.phases['running'] ?? 0;
  const isWell = running === answer.wantedRunning && clusterHealthToJSON(family.cluster?.health ?? 0) !== 'CLUSTER_HEALTH_SPLIT';
  const mark = isWell ? print.out.green('✓') : answer.phases['failed'] ? print.out.red('✗') : print.out.yellow('•');
  print.data(`${mark} ${print.out.bold(sanitise(labelOf(family)))}  ${running} of ${answer.wantedRunning} running  ${sanitise(phasesOf(answer))}`);
  print.data(`  cluster: ${sanitise(clusterWord(family.cluster) || 'unknown')}   release: ${sanitise(answer.releaseTitle || 'none')}   id: ${sanitise(idOf(family))}`);
  for (const part of family.cluster?.parts ?? []) print.data(`    part: ${part.nodes.map(sanitise).join(' ')}`);
  if (answer.nodes.some((node) => nodePhaseToJSON(node.phase) === 'NODE_PHASE_UNKNOWN')) print.data(`  nodes of a lost host are replaced: ${replacementText(family.replacement)}`);
  if (answer.outdatedNodes > 0) print.data(`  ${outdatedOf(answer)} what the family said before: wo family update ${quoted(labelOf(family))}   which: wo family revisions ${quoted(labelOf(family))}`);
  for (const operation of answer.activeOperations) {
    print.data(`  ${kindOf(operation)} ${sanitise(idOf(operation))} is going on: ${operation.progress?.done ?? 0}/${operation.progress?.total ?? 0}  ${sanitise(waitingOf(operation.waiting, nowMs))}`.trimEnd());
  }
  if (answer.nodes.length > 0) print.data(`\n${table(nodeColumns(nowMs, print.out).filter((column) => !column.wide && column.title !== 'FAMILY'), byName(answer.nodes), { paintTitle: print.out.dim, width: print.tableWidth })}`);
  if (answer.lastFailure?.error) tellFailure(runtime, answer.lastFailure, answer.nodes.find((node) => idOf(node) === answer.lastFailure?.nodeId)?.metadata?.name);
  if (answer.nodes.length === 0) print.tell(`no nodes; next: wo deploy-nodes ${quoted(labelOf(family))} --amount 2`);
}

function outdatedOf({ outdatedNodes }: GetFamilyStatusResponse): string {
  return `${count(outdatedNodes, 'node')} ${outdatedNodes === 1 ? 'has' : 'have'}`;
}

function tellFailure({ print }: Runtime, failure: Failure, nodeName: string | undefined): void {
  const { code, message, hint } = failure.error!;
  print.data(`\n${print.out.red('last failure')} ${sanitise(code)}: ${sanitise(message)}`);
  for (const line of failure.logTail.trimEnd().split('\n').slice(-5)) if (line) print.data(`  | ${sanitise(line)}`);
  if (hint) print.data(`  ${print.out.bold('try:')} ${sanitise(concreteHint(hint, nodeName || failure.nodeId))}`);
}

/** "running 2, failed 1" in the order of the phases; words of a newer coordinator come last. */
function phasesOf({ phases }: GetFamilyStatusResponse): string {
  const known: readonly string[] = nodePhaseWords;
  const order = (phase: string): number => (known.includes(phase) ? known.indexOf(phase) : known.length);
  const entries = Object.entries(phases).filter(([, amount]) => amount > 0).sort(([left], [right]) => order(left) - order(right));
  return entries.map(([phase, amount]) => `${phase} ${amount}`).join(', ') || count(0, 'node');
}
