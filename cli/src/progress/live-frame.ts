import stringWidth from 'string-width';
import { cut } from '../output/cut.js';
import { sanitise } from '../output/sanitise.js';
import { elapsed } from '../output/time.js';
import type { Colours } from '../terminal/colours.js';
import { endLine } from './end-line.js';
import type { OperationView, Target } from './operation-view.js';
import { phaseMark } from './symbols.js';

const maximumLines = 20;
const maximumFailures = 5;
const widestName = 32;

export interface FrameOptions {
  readonly nowMs: number;
  readonly columns: number;
  readonly rows: number;
  readonly colours: Colours;
}

/** What a terminal shows of an operation at one moment: a line for each node, or counts when there are many. */
export function liveFrame(view: OperationView, options: FrameOptions): string {
  const targets = [...view.targets.values()];
  const nodes = targets.filter((target) => target.kind === 'node');
  const hosts = targets.filter((target) => target.kind === 'host' && (target.phase !== 'up' || nodes.length === 0));
  const shown = [...hosts, ...nodes];
  const width = Math.min(widestName, Math.max(0, ...shown.map((target) => stringWidth(target.name))));
  const line = (target: Target): string => targetLine(target, width, view, options);
  // What is higher than the window could not be written over.
  const room = view.isFinished ? maximumLines : Math.min(maximumLines, options.rows - 2);
  const lines = shown.length <= room ? [headline(view, options), ...shown.map(line)] : [headline(view, options), ...summary(view, options, line)];
  // Nor could what is wider; the last picture need not be.
  return view.isFinished ? lines.join('\n') : lines.map((each) => cut(each, options.columns - 1)).join('\n');
}

function summary(view: OperationView, { rows, colours }: FrameOptions, line: (target: Target) => string): string[] {
  const counted = (kind: Target['kind'], goal: string): string => [...view.counts(kind)].map(([phase, amount]) => `${phaseMark(phase, goal, colours)} ${phase || 'as before'} ${amount}`).join('   ');
  const hosts = counted('host', 'up');
  const failures = view.failed.slice(0, view.isFinished ? maximumFailures : Math.max(0, Math.min(maximumFailures, rows - 5)));
  const more = view.failed.length - failures.length;
  return [
    ...(hosts ? [`  hosts  ${hosts}`] : []),
    ...(view.counts('node').size > 0 ? [`  ${hosts ? 'nodes  ' : ''}${counted('node', view.goal)}`] : []),
    ...failures.map(line),
    ...(more > 0 ? [`  and ${more} more failed`] : []),
  ];
}

function headline(view: OperationView, { nowMs, colours }: FrameOptions): string {
  if (view.isFinished) return endLine(view, colours);
  const { metadata, waiting } = view.operation;
  const { done, total, failed } = view.progress;
  const figures = total > 0 ? `${done}/${total}${failed ? `, ${failed} failed` : ''}` : '';
  const why = waiting ? colours.dim(`  waits: ${sanitise(waiting.reason)}`) : '';
  return `${colours.bold(view.kind)} ${sanitise(metadata?.id ?? '')}  ${figures}  ${colours.dim(elapsed(Math.max(0, nowMs - view.startedMs)))}${why}`;
}

function targetLine(target: Target, width: number, view: OperationView, { nowMs, colours }: FrameOptions): string {
  const time = target.sinceMs ? elapsed(Math.max(0, timeOf(target, view, nowMs))) : '';
  const detail = target.error ? `${target.error.code}: ${target.error.message}` : time;
  const name = cut(sanitise(target.name), widestName);
  const text = `${name}${' '.repeat(Math.max(0, width - stringWidth(name)))}  ${sanitise(target.phase).padEnd(11)}  ${sanitise(detail)}`;
  return `  ${phaseMark(target.phase, view.goal, colours)} ${text.trimEnd()}`;
}

/** How long it took when it is where it shall be, else how long it has been where it is. */
function timeOf(target: Target, view: OperationView, nowMs: number): number {
  if (target.phase === view.goal) return target.sinceMs - view.startedMs;
  return (view.operation.finishedAt?.getTime() ?? nowMs) - target.sinceMs;
}
