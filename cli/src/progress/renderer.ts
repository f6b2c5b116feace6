import { sanitise } from '../output/sanitise.js';
import { elapsed } from '../output/time.js';
import type { Runtime } from '../runtime.js';
import { isLive } from '../terminal/io.js';
import { LiveArea } from '../terminal/live-area.js';
import { liveFrame } from './live-frame.js';
import type { Change, OperationView } from './operation-view.js';
import { phaseMark } from './symbols.js';

/** How an operation is shown while it goes on; all of it on stderr. */
export interface Renderer {
  /** The last picture says how it ended. */
  readonly showsEnd: boolean;
  changed(view: OperationView, change: Change | undefined): void;
  /** A remark between the lines. */
  remark(text: string): void;
  /** Leaves the terminal to a question; the answer goes on drawing. */
  pause(view: OperationView): () => void;
  /** The last picture stays. */
  end(view: OperationView): void;
}

const frameMs = 100;

/** Live lines on a terminal, one plain line for each change of state elsewhere, nothing with -q; --progress chooses another. */
export function chooseRenderer(runtime: Runtime): Renderer {
  const { flags, io } = runtime;
  const progress = flags.progress ?? (flags.quiet ? 'none' : 'live');
  if (progress === 'none') return silent(runtime);
  if (progress === 'json') return jsonRenderer(runtime);
  return progress === 'live' && isLive(io.stderr, io.env) ? new LiveRenderer(runtime, new LiveArea(io.stderr)) : plainRenderer(runtime);
}

function silent(runtime: Runtime): Renderer {
  return { showsEnd: false, changed: () => {}, remark: (text) => runtime.print.tell(text), pause: () => () => {}, end: () => {} };
}

/** One JSON object for each change, for programs that show progress of their own. */
function jsonRenderer(runtime: Runtime): Renderer {
  return {
    ...silent(runtime),
    changed(view, change) {
      const { done = 0, total = 0, failed = 0 } = view.operation.progress ?? {};
      runtime.print.warn(JSON.stringify({ operation: view.operation.metadata?.id, state: view.state, done, total, failed, ...(change && { ...change, at: new Date(change.atMs).toISOString(), atMs: undefined }) }));
    },
  };
}

/** For logs and pipes: never repeats itself, never moves the cursor. */
export function plainRenderer(runtime: Runtime): Renderer {
  const { print } = runtime;
  return {
    showsEnd: false,
    changed(view, change) {
      if (!change) return;
      const time = elapsed(Math.max(0, change.atMs - view.startedMs)).padStart(7);
      const said = change.message ? `  ${sanitise(change.message)}` : '';
      print.tell(`${print.err.dim(time)}  ${phaseMark(change.phase, view.goal, print.err)} ${sanitise(change.subject)} ${sanitise(change.phase)}${said}`);
    },
    remark: (text) => print.tell(text),
    pause: () => () => {},
    end: () => {},
  };
}

class LiveRenderer implements Renderer {
  readonly showsEnd = true;
  readonly #runtime: Runtime;
  readonly #area: LiveArea;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  /** The coordinator's clock less ours, so that a wrong clock here shows no wrong times. */
  #skewMs = 0;

  constructor(runtime: Runtime, area: LiveArea) {
    this.#runtime = runtime;
    this.#area = area;
  }

  changed(view: OperationView, change: Change | undefined): void {
    if (change && change.atMs > 0 && this.#timer === undefined) this.#skewMs = Math.min(0, change.atMs - this.#runtime.clock.now());
    if (!this.#timer && !this.#isPaused) this.#run(view);
  }

  remark(text: string): void {
    this.#area.persist(text);
  }

  pause(view: OperationView): () => void {
    this.#stop();
    this.#isPaused = true;
    this.#area.clear();
    return () => {
      this.#isPaused = false;
      this.#run(view);
    };
  }

  end(view: OperationView): void {
    this.#stop();
    this.#draw(view);
    this.#area.done();
  }

  #run(view: OperationView): void {
    this.#draw(view);
    this.#timer = setInterval(() => this.#draw(view), frameMs);
    this.#timer.unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(view: OperationView): void {
    const { print, clock } = this.#runtime;
    const { columns, rows } = this.#area;
    this.#area.draw(liveFrame(view, { nowMs: clock.now() + this.#skewMs, columns, rows, colours: print.err }));
  }
}
