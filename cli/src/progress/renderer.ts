import { sanitise } from '../output/sanitise.js';
import { elapsed } from '../output/time.js';
import type { Runtime } from '../runtime.js';
import { isLive } from '../terminal/io.js';
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

/** Live lines on a terminal, one plain line for each change of state elsewhere, nothing with -q. */
export async function chooseRenderer(runtime: Runtime): Promise<Renderer> {
  if (runtime.flags.quiet) return silent(runtime);
  if (!isLive(runtime.io.stderr, runtime.io.env)) return plainRenderer(runtime);
  const { createLogUpdate } = await import('log-update');
  return new LiveRenderer(runtime, createLogUpdate(runtime.io.stderr as NodeJS.WritableStream));
}

function silent(runtime: Runtime): Renderer {
  return { showsEnd: false, changed: () => {}, remark: (text) => runtime.print.tell(text), pause: () => () => {}, end: () => {} };
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

type LogUpdate = ((text: string) => void) & { persist(text: string): void; clear(): void; done(): void };

class LiveRenderer implements Renderer {
  readonly showsEnd = true;
  readonly #runtime: Runtime;
  readonly #write: LogUpdate;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  /** The coordinator's clock less ours, so that a wrong clock here shows no wrong times. */
  #skewMs = 0;

  constructor(runtime: Runtime, write: LogUpdate) {
    this.#runtime = runtime;
    this.#write = write;
  }

  changed(view: OperationView, change: Change | undefined): void {
    if (change && change.atMs > 0 && this.#timer === undefined) this.#skewMs = Math.min(0, change.atMs - this.#runtime.clock.now());
    if (!this.#timer && !this.#isPaused) this.#run(view);
  }

  remark(text: string): void {
    this.#write.persist(text);
  }

  pause(view: OperationView): () => void {
    this.#stop();
    this.#isPaused = true;
    this.#write.clear();
    return () => {
      this.#isPaused = false;
      this.#run(view);
    };
  }

  end(view: OperationView): void {
    this.#stop();
    this.#draw(view);
    this.#write.done();
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
    const { io, print, clock } = this.#runtime;
    this.#write(liveFrame(view, { nowMs: clock.now() + this.#skewMs, columns: io.stderr.columns ?? 80, colours: print.err }));
  }
}
