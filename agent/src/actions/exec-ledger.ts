import type { Clock } from '@wombat/proto';
import { ExecOutcome, type JournalDamage, type OutcomeRef } from '@wombat/proto/agent';
import { LineJournal } from '../nodes/line-journal.js';

/** A command that was taken up; written before it is started. */
export interface ExecEntry {
  readonly jobId: string;
  readonly targetId: string;
  readonly startId: string;
  readonly arrivedAt: number;
  readonly timeoutMs: number;
  readonly outputLimitBytes: number;
  /** From TERM to KILL, once it has to end. Entries of earlier agents do not say. @default limits.killAfterMs */
  readonly killAfterMs?: number;
  /** Erlang actions run inside the agent and end with it. */
  readonly isProcess: boolean;
  /** What it writes is told while it runs. */
  readonly live?: true;
  /** A PutFile in base64, where that was asked for: it can be begun anew. */
  readonly file?: string;
}

type Line =
  | { readonly kind: 'accepted'; readonly entry: ExecEntry }
  | { readonly kind: 'outcome'; readonly bytes: string }
  | { readonly kind: 'acknowledged'; readonly jobId: string; readonly targetId: string; readonly at: number };

interface Known {
  readonly entry: ExecEntry;
  readonly outcome?: ExecOutcome;
  readonly acknowledgedAt?: number;
}

/** A job that was acknowledged is never resent; it is remembered all the same for this long. */
const rememberedMs = 24 * 3600_000;
const version = 1;

/** Which commands this host has taken up: each is run at most once, however often it is resent. */
export class ExecLedger {
  readonly #lines: LineJournal<Line>;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  #hasGrown = false;

  constructor(options: { readonly file: string; readonly clock: Clock }) {
    this.#lines = new LineJournal({ ...options, version, read: readLine });
    this.#clock = options.clock;
  }

  /** Answers what could not be used of it. */
  async open(): Promise<JournalDamage | undefined> {
    const { entries, damage } = await this.#lines.open();
    for (const line of entries) this.#apply(line);
    await this.#compact();
    return damage;
  }

  has(jobId: string, targetId: string): boolean {
    return this.#known.has(keyOf(jobId, targetId));
  }

  /** Taken up, and without an outcome. */
  unfinished(): readonly ExecEntry[] {
    return [...this.#known.values()].filter(({ outcome }) => !outcome).map(({ entry }) => entry);
  }

  pendingOutcomes(): readonly ExecOutcome[] {
    return [...this.#known.values()].flatMap(({ outcome, acknowledgedAt }) => (outcome && acknowledgedAt === undefined ? [outcome] : []));
  }

  outcome(jobId: string, targetId: string): ExecOutcome | undefined {
    return this.#known.get(keyOf(jobId, targetId))?.outcome;
  }

  /** When an outcome was acknowledged; undefined while it is not. */
  acknowledgedAt(jobId: string, targetId: string): number | undefined {
    return this.#known.get(keyOf(jobId, targetId))?.acknowledgedAt;
  }

  /** On the disk when it resolves. */
  accept(entries: readonly ExecEntry[]): Promise<void> {
    return this.#append(entries.map((entry) => ({ kind: 'accepted', entry })), true);
  }

  finish(outcome: ExecOutcome): Promise<void> {
    return this.#append([{ kind: 'outcome', bytes: Buffer.from(ExecOutcome.encode(outcome).finish()).toString('base64') }], false);
  }

  acknowledge(outcomes: readonly OutcomeRef[]): Promise<void> {
    const known = outcomes.filter(({ jobId, targetId }) => this.#known.get(keyOf(jobId, targetId))?.outcome);
    return this.#append(known.map(({ jobId, targetId }) => ({ kind: 'acknowledged', jobId, targetId, at: this.#clock.now() })), false);
  }

  /** To be called now and then: forgets what was acknowledged long ago, and shortens the file. */
  async prune(): Promise<void> {
    const isAnyOver = [...this.#known.values()].some((known) => this.#isOver(known));
    if (isAnyOver || this.#hasGrown) await this.#compact();
  }

  close(): Promise<void> {
    return this.#lines.close();
  }

  async #append(lines: readonly Line[], durable: boolean): Promise<void> {
    for (const line of lines) this.#apply(line);
    this.#hasGrown ||= lines.length > 0;
    await this.#lines.append(lines, { durable });
    await this.#lines.compactWhenGrown(() => this.#snapshot());
  }

  #apply(line: Line): void {
    if (line.kind === 'accepted') {
      this.#known.set(keyOf(line.entry.jobId, line.entry.targetId), { entry: line.entry });
      return;
    }
    const outcome = line.kind === 'outcome' ? ExecOutcome.decode(Buffer.from(line.bytes, 'base64')) : undefined;
    const { jobId, targetId } = line.kind === 'outcome' ? outcome! : line;
    const known = this.#known.get(keyOf(jobId, targetId));
    if (!known) return;
    // What is acknowledged need not be kept whole.
    const kept = outcome ?? (known.outcome && withoutOutput(known.outcome));
    this.#known.set(keyOf(jobId, targetId), {
      ...known,
      ...(kept ? { outcome: kept } : {}),
      ...(line.kind === 'acknowledged' ? { acknowledgedAt: line.at } : {}),
    });
  }

  #compact(): Promise<void> {
    return this.#lines.compact(() => this.#snapshot());
  }

  #isOver({ acknowledgedAt }: Known): boolean {
    return acknowledgedAt !== undefined && acknowledgedAt < this.#clock.now() - rememberedMs;
  }

  #snapshot(): Line[] {
    this.#hasGrown = false;
    const lines: Line[] = [];
    for (const [key, known] of this.#known) {
      const { entry, outcome, acknowledgedAt } = known;
      if (this.#isOver(known)) {
        this.#known.delete(key);
        continue;
      }
      lines.push({ kind: 'accepted', entry });
      if (outcome) lines.push({ kind: 'outcome', bytes: Buffer.from(ExecOutcome.encode(outcome).finish()).toString('base64') });
      if (acknowledgedAt !== undefined) lines.push({ kind: 'acknowledged', jobId: entry.jobId, targetId: entry.targetId, at: acknowledgedAt });
    }
    return lines;
  }
}

/** Throws for what this agent would not have written. */
function readLine(value: unknown): Line {
  const line = value as Line;
  if (line.kind === 'outcome') ExecOutcome.decode(Buffer.from(line.bytes, 'base64'));
  else if (line.kind === 'accepted') keyOf(line.entry.jobId, line.entry.targetId);
  else if (line.kind !== 'acknowledged') throw new Error('no line of this ledger');
  return line;
}

function keyOf(jobId: string, targetId: string): string {
  return `${jobId}/${targetId}`;
}

function withoutOutput(outcome: ExecOutcome): ExecOutcome {
  const bare = (output: ExecOutcome['stdout']): ExecOutcome['stdout'] => output && { ...output, head: Buffer.alloc(0) };
  return { ...outcome, stdout: bare(outcome.stdout), stderr: bare(outcome.stderr) };
}
