import { OperationState } from '@wombat/proto/control';
import { sanitise } from '../output/sanitise.js';
import { elapsed } from '../output/time.js';
import type { Colours } from '../terminal/colours.js';
import type { OperationView } from './operation-view.js';

/** "✓ deploy op-... succeeded in 3.0s: 2 of 2 running" */
export function endLine(view: OperationView, colours: Colours): string {
  const { operation, kind, state, outcome, startedMs } = view;
  const { done = 0, total = 0, failed = 0 } = operation.progress ?? {};
  const time = operation.finishedAt ? ` in ${elapsed(Math.max(0, operation.finishedAt.getTime() - startedMs))}` : '';
  const mark = operation.state === OperationState.SUCCEEDED ? colours.green('✓') : colours.red('✗');
  return `${mark} ${sanitise(`${kind} ${operation.metadata?.id ?? ''} ${state}${time}: ${done} of ${total} ${outcome}${failed ? `, ${failed} failed` : ''}${operation.rest ? `; left: ${operation.rest}` : ''}`)}`;
}
