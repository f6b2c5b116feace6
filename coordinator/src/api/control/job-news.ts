import type { ExecProgress } from '@wombat/proto/agent';
import { isPaused } from '../../domain/jobs/is-paused.js';
import { targetKey } from '../../domain/jobs/target-key.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Commit, Reader, Store } from '../../store/store.js';
import type { LiveOutputs } from '../../engine/jobs/live-outputs.js';
import { endedTargets } from './job-targets.js';

/** Outputs that are kept for one who reads slowly; what is more is read from the store when its time comes. */
const keptBytes = 4 * 1024 * 1024;

/** A piece of what a command has written that still runs. */
export interface LivePiece {
  readonly target: JobTarget;
  readonly progress: ExecProgress;
}

/**
 * The outcomes of a job, each once: from the commits as they come, so that a large job is not read again and again; from the
 * store for whoever begins late or falls behind.
 */
export class JobNews {
  readonly #read: Reader;
  readonly #jobId: string;
  readonly #unsubscribe: () => void;
  readonly #told = new Set<string>();
  /** Those that have written something, as they were then. */
  readonly #writing = new Map<string, JobTarget>();
  #targets: JobTarget[] = [];
  #pieces: { readonly hostId: string; readonly progress: ExecProgress }[] = [];
  #pieceBytes = 0;
  #bytes = 0;
  #isBehind = true;
  #revision = 0;
  #wake = (): void => undefined;
  /** Set with the commit of its last outcome: none can come after it. */
  finished: Job | undefined;
  paused: Job | undefined;

  /** `live`: where pieces of output are wanted, too. */
  constructor(store: Store, jobId: string, live?: LiveOutputs) {
    this.#read = store.read;
    this.#jobId = jobId;
    const endings = [store.onCommit((commit) => this.#see(commit)), live?.follow(jobId, (hostId, progress) => this.#seePiece(hostId, progress))];
    this.#unsubscribe = () => endings.forEach((end) => end?.());
  }

  /** To be called once, before anything is taken. */
  async begin(): Promise<void> {
    const job = await this.#read.jobs.get(this.#jobId);
    if (job) this.#seeJob(job);
  }

  get isEmpty(): boolean {
    return !this.#isBehind && this.#targets.length === 0;
  }

  /** What was written since the last time, of targets that have no outcome. */
  async takePieces(): Promise<readonly LivePiece[]> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    const told: LivePiece[] = [];
    for (const { hostId, progress } of pieces) {
      const target = await this.#targetOf(hostId, progress);
      if (target && !this.#told.has(target.id)) told.push({ target, progress });
    }
    return told;
  }

  async #targetOf(hostId: string, { targetId }: ExecProgress): Promise<JobTarget | undefined> {
    const target = this.#writing.get(targetId) ?? (await this.#read.jobTargets.get(targetKey(this.#jobId, targetId)));
    if (target) this.#writing.set(targetId, target);
    // A host speaks for its own targets only.
    return target?.hostId === hostId ? target : undefined;
  }

  /** What there is to tell, until there is nothing left. */
  async *take(): AsyncGenerator<readonly JobTarget[]> {
    while (!this.isEmpty) {
      if (!this.#isBehind) yield* this.#new(this.#taken());
      else {
        this.#isBehind = false;
        for await (const targets of endedTargets(this.#read, this.#jobId, (id) => this.#told.has(id))) yield* this.#new(targets);
      }
    }
  }

  /** Resolves when there is something to tell, or the signal is aborted. */
  async some(signal: AbortSignal): Promise<void> {
    if (!this.isEmpty || this.#pieces.length > 0 || this.finished || this.paused || signal.aborted) return;
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    await woken;
    signal.removeEventListener('abort', onAbort);
  }

  close(): void {
    this.#unsubscribe();
  }

  #taken(): readonly JobTarget[] {
    const targets = this.#targets;
    this.#targets = [];
    this.#bytes = 0;
    return targets;
  }

  *#new(targets: readonly JobTarget[]): Generator<readonly JobTarget[]> {
    const untold = targets.filter(({ id, outcome }) => outcome !== undefined && !this.#told.has(id));
    for (const { id } of untold) this.#told.add(id);
    if (untold.length > 0) yield untold;
  }

  #see({ changes }: Commit): void {
    for (const { kind, id, object } of changes) {
      if (kind === 'jobTargets' && object && (object as JobTarget).jobId === this.#jobId) this.#seeTarget(object as JobTarget);
      if (kind === 'jobs' && id === this.#jobId && object) this.#seeJob(object as Job);
    }
    if (!this.isEmpty || this.finished || this.paused) this.#wake();
  }

  #seeTarget(target: JobTarget): void {
    if (this.#isBehind || target.outcome === undefined) return;
    this.#targets.push(target);
    this.#bytes += target.stdout.length + target.stderr.length;
    if (this.#bytes <= keptBytes) return;
    this.#taken();
    this.#isBehind = true;
  }

  /** Whoever does not read in time gets all of it with the outcome. */
  #seePiece(hostId: string, progress: ExecProgress): void {
    if (this.#pieceBytes + progress.data.length > keptBytes) return;
    this.#pieces.push({ hostId, progress });
    this.#pieceBytes += progress.data.length;
    this.#wake();
  }

  #seeJob(job: Job): void {
    // What was read may be older than what was committed meanwhile.
    if (job.revision < this.#revision) return;
    this.#revision = job.revision;
    if (job.state === 'finished') this.finished = job;
    this.paused = isPaused(job) ? job : undefined;
  }
}
