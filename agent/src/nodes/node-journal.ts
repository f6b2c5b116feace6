import { Assignment, type JournalDamage } from '@wombat/proto/agent';
import type { Clock } from '@wombat/proto';
import { LineJournal } from './line-journal.js';
import { newNodeRecord, type NodeRecord } from './node-record.js';

type Entry =
  | { readonly kind: 'assignment'; readonly bytes: string }
  | { readonly kind: 'record'; readonly nodeId: string; readonly record: NodeRecord }
  | { readonly kind: 'forget'; readonly nodeId: string }
  | { readonly kind: 'sync'; readonly syncId: string }
  | { readonly kind: 'damage'; readonly damage: JournalDamage }
  | { readonly kind: 'damage-told' };

export interface JournaledNode {
  readonly assignment: Assignment;
  readonly record: NodeRecord;
}

const version = 1;

/**
 * What is wanted of this host's nodes and what was done for them. Assignments are on the disk before
 * they are acknowledged. Records outlive a kill of the agent but not a power cut, after which no
 * process is left for them to tell of. What was lost of a journal is remembered until it has been told.
 */
export class NodeJournal {
  readonly #lines: LineJournal<Entry>;
  readonly #nodes = new Map<string, JournaledNode>();
  #syncId = 0n;
  #damages: readonly JournalDamage[] = [];

  constructor(options: { readonly file: string; readonly clock: Clock }) {
    this.#lines = new LineJournal({ ...options, version, read: readEntry });
  }

  get syncId(): bigint {
    return this.#syncId;
  }

  get nodes(): ReadonlyMap<string, JournaledNode> {
    return this.#nodes;
  }

  /** That the coordinator has not heard of yet. */
  get damages(): readonly JournalDamage[] {
    return this.#damages;
  }

  /** Answers whether there was one, and what could not be used of it. */
  async open(): Promise<{ readonly isNew: boolean; readonly damage: JournalDamage | undefined }> {
    const { entries, isNew, damage } = await this.#lines.open();
    for (const entry of entries) this.#apply(entry);
    if (damage) this.#apply({ kind: 'damage', damage });
    await this.#lines.compact(() => this.#snapshot());
    return { isNew, damage };
  }

  /** On the disk when it resolves. */
  async assign(assignments: readonly Assignment[], syncId: bigint | undefined): Promise<void> {
    const entries: Entry[] = assignments.map((assignment) => ({ kind: 'assignment', bytes: encode(assignment) }));
    if (syncId !== undefined) entries.push({ kind: 'sync', syncId: String(syncId) });
    await this.#append(entries, true);
  }

  record(nodeId: string, record: NodeRecord): Promise<void> {
    return this.#append([{ kind: 'record', nodeId, record }], false);
  }

  forget(nodeId: string): Promise<void> {
    return this.#append([{ kind: 'forget', nodeId }], false);
  }

  /** Of this journal or another one of the agent. */
  damaged(damage: JournalDamage): Promise<void> {
    return this.#append([{ kind: 'damage', damage }], true);
  }

  async damagesTold(): Promise<void> {
    if (this.#damages.length > 0) await this.#append([{ kind: 'damage-told' }], false);
  }

  close(): Promise<void> {
    return this.#lines.close();
  }

  async #append(entries: readonly Entry[], durable: boolean): Promise<void> {
    // Applied first, so that a compaction that overtakes the write holds it.
    for (const entry of entries) this.#apply(entry);
    await this.#lines.append(entries, { durable });
    await this.#lines.compactWhenGrown(() => this.#snapshot());
  }

  #apply(entry: Entry): void {
    switch (entry.kind) {
      case 'assignment': {
        const assignment = decode(entry.bytes);
        const record = this.#nodes.get(assignment.nodeId)?.record ?? newNodeRecord;
        this.#nodes.set(assignment.nodeId, { assignment, record });
        return;
      }
      case 'record': {
        const node = this.#nodes.get(entry.nodeId);
        if (node) this.#nodes.set(entry.nodeId, { ...node, record: entry.record });
        return;
      }
      case 'forget':
        this.#nodes.delete(entry.nodeId);
        return;
      case 'damage':
        this.#damages = [...this.#damages, entry.damage];
        // Something is missing, so the coordinator must not believe that we know all up to here.
        this.#syncId = 0n;
        return;
      case 'damage-told':
        this.#damages = [];
        return;
      case 'sync':
        this.#syncId = BigInt(entry.syncId);
    }
  }

  #snapshot(): Entry[] {
    const entries: Entry[] = this.#damages.map((damage) => ({ kind: 'damage', damage }));
    entries.push({ kind: 'sync', syncId: String(this.#syncId) });
    for (const [nodeId, { assignment, record }] of this.#nodes) {
      entries.push({ kind: 'assignment', bytes: encode(assignment) }, { kind: 'record', nodeId, record });
    }
    return entries;
  }
}

/** Throws for what this agent would not have written. */
function readEntry(value: unknown): Entry {
  const entry = value as Entry;
  switch (entry.kind) {
    case 'assignment':
      decode(entry.bytes);
      return entry;
    case 'record':
      return { ...entry, record: { ...newNodeRecord, ...entry.record } };
    case 'sync':
      BigInt(entry.syncId);
      return entry;
    case 'forget':
    case 'damage':
    case 'damage-told':
      return entry;
  }
  throw new Error('no entry of this journal');
}

function encode(assignment: Assignment): string {
  return Buffer.from(Assignment.encode(assignment).finish()).toString('base64');
}

function decode(bytes: string): Assignment {
  return Assignment.decode(Buffer.from(bytes, 'base64'));
}
