import { catalogue, isErrorCode } from '@wombat/proto';
import { concreteHint } from '../control/names.js';
import { errorBlock } from '../output/error-block.js';
import { sanitise } from '../output/sanitise.js';
import type { Runtime } from '../runtime.js';
import { endLine } from './end-line.js';
import { exitOfOperation } from './exit-of-operation.js';
import type { OperationView, Target } from './operation-view.js';

const maximumTold = 3;
const logLines = 20;

/**
 * Says how an operation ended: one line when well, else the reason, the last log lines and what to do next.
 * `isShown`: the line itself stands on the terminal already.
 */
export function tellEnd(runtime: Runtime, view: OperationView, isShown: boolean): number {
  const { print } = runtime;
  const { operation } = view;
  const exit = exitOfOperation(operation);
  if (exit === 0 && !isShown) print.tell(endLine(view, print.err));
  if (exit !== 0 && !isShown) print.warn(endLine(view, print.err));
  if (exit !== 0) tellFailure(runtime, view);
  return exit;
}

function tellFailure({ print }: Runtime, view: OperationView): void {
  const { operation, failed } = view;
  for (const target of failed.slice(0, maximumTold)) {
    if (!target.logTail) continue;
    print.warn(print.err.bold(`last lines of ${sanitise(target.name)}:`));
    for (const text of lastLines(target.logTail)) print.warn(`  | ${sanitise(text)}`);
  }
  const error = operation.error ?? failed.find((target) => target.error)?.error;
  if (!error) return;
  const meaning = isErrorCode(error.code) ? catalogue[error.code].meaning : '';
  const hint = error.hint || (isErrorCode(error.code) ? catalogue[error.code].hint : '');
  print.warn(errorBlock({ ...error, hint: concreteHint(hint, nodeName(failed.find((target) => error.message.includes(target.name)) ?? failed[0])) } as Parameters<typeof errorBlock>[0], { meaning, colours: print.err }));
}

function lastLines(tail: string): string[] {
  return tail.trimEnd().split('\n').slice(-logLines);
}

function nodeName(target: Target | undefined): string | undefined {
  return target?.kind === 'node' ? target.name : undefined;
}
