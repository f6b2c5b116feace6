import { sanitise } from '../output/sanitise.js';
import { elapsed } from '../output/time.js';
import type { Colours } from '../terminal/colours.js';
import { endLine } from './end-line.js';
import type { OperationView, Target } from './operation-view.js';
import { phaseMark } from './symbols.js';

const maximumLines = 20;
const maximumFailures = 5;

export interface FrameOptions {
  readonly nowMs: number;
  readonly columns: number;
  readonly colours: Colours;
}

/** What a terminal shows of an operation at one moment: a line for each node, or counts when there are many. */
export function liveFrame(view: OperationView, options: FrameOptions): string {
  const targets = [...view.targets.values()];
  const nodes = targets.filter((target) => target.kind === 'node');
  const hosts = targets.filter((target) => target.kind === 'host' && (target.phase !== 'up' || nodes.length === 0));
  const lines = [headline(view, options)];
  if (nodes.length + hosts.length <= maximumLines) {
    lines.push(...[...hosts, ...nodes].map((target) => targetLine(target, view, options)));
  } else {
    lines.push(`  ${[...view.counts].map(([phase, amount]) => `${phaseMark(phase, view.goal, options.colours)} ${phase} ${amount}`).join('   ')}`);
    lines.push(...view.failed.slice(0, maximumFailures).map((target) => targetLine(target, view, options)));
    if (view.failed.length > maximumFailures) lines.push(`  and ${view.failed.length - maximumFailures} more failed`);
  }
  return lines.join('\n');
}

function headline(view: OperationView, { nowMs, colours }: FrameOptions): string {
  if (view.isFinished) return endLine(view, colours);
  const { progress, metadata, waiting } = view.operation;
  const figures = progress ? `${progress.done}/${progress.total}${progress.failed ? `, ${progress.failed} failed` : ''}` : '';
  const why = waiting ? colours.dim(`  waits: ${sanitise(waiting.reason)}`) : '';
  return `${colours.bold(view.kind)} ${sanitise(metadata?.id ?? '')}  ${figures}  ${colours.dim(elapsed(Math.max(0, nowMs - view.startedMs)))}${why}`;
}

function targetLine(target: Target, view: OperationView, { nowMs, columns, colours }: FrameOptions): string {
  const width = Math.min(32, Math.max(...[...view.targets.values()].map((each) => each.name.length)));
  const time = target.sinceMs ? elapsed(Math.max(0, timeOf(target, view, nowMs))) : '';
  const detail = target.error ? `${target.error.code}: ${target.error.message}` : time;
  const text = `${sanitise(target.name).padEnd(width)}  ${sanitise(target.phase).padEnd(11)}  ${sanitise(detail)}`;
  // A line that wraps could not be written over; the last picture need not be.
  const room = view.isFinished ? Infinity : Math.max(20, columns - 5);
  const shown = text.length > room ? `${text.slice(0, room - 1).trimEnd()}…` : text.trimEnd();
  return `  ${phaseMark(target.phase, view.goal, colours)} ${shown}`;
}

/** How long it took when it is where it shall be, else how long it has been where it is. */
function timeOf(target: Target, view: OperationView, nowMs: number): number {
  if (target.phase === view.goal) return target.sinceMs - view.startedMs;
  return (view.operation.finishedAt?.getTime() ?? nowMs) - target.sinceMs;
}
