import { operationKindToJSON, operationStateToJSON, planActionToJSON, stepStateToJSON, type Operation } from '@wombat/proto/control';
import { concreteHint } from '../../control/names.js';
import type { Runtime } from '../../runtime.js';
import { table, type Column } from '../../output/table.js';
import { elapsed, relative } from '../../output/time.js';
import { word } from '../../output/words.js';
import { waitOf } from '../node/view.js';

export function operationColumns(nowMs: number): readonly Column<Operation>[] {
  return [
    { title: 'ID', text: (operation) => operation.metadata?.id ?? '' },
    { title: 'WHAT', text: whatOf },
    { title: 'STATE', text: stateOf },
    { title: 'DONE', text: progressOf },
    { title: 'FAMILY', text: (operation) => operation.familyName || operation.familyId, wide: true },
    { title: 'BY', text: (operation) => operation.principal, wide: true },
    { title: 'STARTED', text: (operation) => relative(operation.metadata?.createdAt, nowMs), optional: 2 },
    { title: 'TOOK', text: tookOf, optional: 1 },
    { title: 'WHY', text: (operation) => operation.error?.message ?? operation.waiting?.reason ?? '' },
  ];
}

export function operationEntries(operation: Operation, nowMs: number): readonly (readonly [string, string])[] {
  const { error, waiting } = operation;
  return [
    ['id', operation.metadata?.id ?? ''],
    ['what', whatOf(operation)],
    ['kind', kindOf(operation)],
    ['state', stateOf(operation)],
    ['done', progressOf(operation)],
    ['family', [operation.familyName, operation.familyId].filter(Boolean).join('  ')],
    ['asked by', operation.principal],
    ['started', relative(operation.metadata?.createdAt, nowMs)],
    ['took', tookOf(operation)],
    ['deadline', operation.finishedAt ? '' : relative(operation.deadline, nowMs)],
    ['waits', waitOf(waiting, nowMs)],
    ['error', error ? `${error.code}: ${error.message}\n${concreteHint(error.hint, failedNode(operation))}` : ''],
    ['left', operation.rest],
    ['plan', operation.plan.map((entry) => planLine(entry, nowMs)).join('\n')],
  ];
}

/** A plan that was made for --dry-run. */
export async function printPlan(runtime: Runtime, operation: Operation, json: unknown): Promise<void> {
  const { print } = runtime;
  if (print.isForPrograms) return print.json(json);
  if (operation.plan.length === 0) return print.tell('nothing to do');
  print.data(table([
    { title: 'ACTION', text: (entry) => actionOf(entry.action) },
    { title: 'NODE', text: (entry) => entry.nodeName || entry.nodeId, cut: true },
    { title: 'HOST', text: (entry) => entry.hostName || entry.hostId, cut: true },
    { title: 'DOMAIN', text: (entry) => entry.domainName || entry.domainId, optional: 1 },
    { title: 'WHY', text: (entry) => entry.reason },
  ], operation.plan, { paintTitle: print.out.dim, width: print.tableWidth }));
  print.tell('this is a plan; nothing was changed');
}

/** "deploy 3 of web" */
function whatOf(operation: Operation): string {
  return operation.metadata?.name || kindOf(operation);
}

/** The node that the error of the operation is about, when it names one. */
function failedNode({ error, plan }: Operation): string | undefined {
  return plan.find((entry) => entry.nodeName && error?.message.startsWith(`${entry.nodeName}:`))?.nodeName;
}

export function kindOf(operation: Operation): string {
  return word(operationKindToJSON(operation.kind), 'OPERATION_KIND_').replace('_', ' ');
}

export function stateOf(operation: Operation): string {
  return word(operationStateToJSON(operation.state), 'OPERATION_STATE_');
}

function progressOf({ progress }: Operation): string {
  return progress ? `${progress.done}/${progress.total}${progress.failed ? ` (${progress.failed} failed)` : ''}` : '';
}

function tookOf(operation: Operation): string {
  const { finishedAt, metadata } = operation;
  return finishedAt && metadata?.createdAt ? elapsed(finishedAt.getTime() - metadata.createdAt.getTime()) : '';
}

function actionOf(action: Operation['plan'][number]['action']): string {
  return word(planActionToJSON(action), 'PLAN_ACTION_').replace('_', ' ');
}

function planLine(entry: Operation['plan'][number], nowMs: number): string {
  const step = word(stepStateToJSON(entry.state), 'STEP_STATE_');
  const stands = step && step !== 'unspecified' ? [step, entry.since && `since ${relative(entry.since, nowMs)}`, entry.why].filter(Boolean).join(', ') : '';
  return [
    actionOf(entry.action), entry.nodeName || entry.nodeId, (entry.hostName || entry.hostId) && `on ${entry.hostName || entry.hostId}`,
    entry.reason && `(${entry.reason})`, stands && `: ${stands}`,
  ].filter(Boolean).join(' ').replace(' : ', ': ');
}
