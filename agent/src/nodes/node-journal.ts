import { Assignment } from '@wombat/proto/agent';
import type { Clock } from '@wombat/proto';
import { LineJournal } from './line-journal.js';
import { newNodeRecord, type NodeRecord } from './node-record.js';

type Entry =
  | { readonly kind: 'assignment'; readonly bytes: string }
  | { readonly kind: 'record'; readonly nodeId: string; readonly record: NodeRecord }
  | { readonly kind: 'forget'; readonly nodeId: string }
  | { readonly kind: 'sync'; readonly syncId: string };

export interface JournaledNode {
  readonly assignment: Assignment;
  readonly record: NodeRecord;
}

const compactAfterLines = 1000;

/**
 * What is wanted of this host's nodes and what was done for them. Assignments are on the disk before
 * they are acknowledged. Records outlive a kill of the agent but not a power cut, after which no
 * process is left for them to tell of.
 */
export class NodeJournal {
  readonly #lines: LineJournal;
  readonly #nodes = new Map<string, JournaledNode>();
  #syncId = 0n;

  constructor(options: { readonly file: string; readonly clock: Clock }) {
    this.#lines = new LineJournal(options);
  }

  get syncId(): bigint {
    return this.#syncId;
  }

  get nodes(): ReadonlyMap<string, JournaledNode> {
    return this.#nodes;
  }

  /** Answers where unreadable lines were put, if there were any. */
  async open(): Promise<string | undefined> {
    const { entries, quarantine } = await this.#lines.open();
    for (const entry of entries) this.#apply(entry as Entry);
    // Something is missing, so the coordinator must not believe that we know all up to here.
    if (quarantine) this.#syncId = 0n;
    await this.#compact();
    return quarantine;
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

  close(): Promise<void> {
    return this.#lines.close();
  }

  async #append(entries: readonly Entry[], durable: boolean): Promise<void> {
    // Applied first, so that a compaction that overtakes the write holds it.
    for (const entry of entries) this.#apply(entry);
    await this.#lines.append(entries, { durable });
    if (this.#lines.lines > compactAfterLines + 4 * this.#nodes.size) await this.#compact();
  }

  #apply(entry: Entry): void {
    if (entry.kind === 'assignment') {
      const assignment = Assignment.decode(Buffer.from(entry.bytes, 'base64'));
      const record = this.#nodes.get(assignment.nodeId)?.record ?? newNodeRecord;
      this.#nodes.set(assignment.nodeId, { assignment, record });
    } else if (entry.kind === 'record') {
      const node = this.#nodes.get(entry.nodeId);
      if (node) this.#nodes.set(entry.nodeId, { ...node, record: entry.record });
    } else if (entry.kind === 'forget') {
      this.#nodes.delete(entry.nodeId);
    } else {
      this.#syncId = BigInt(entry.syncId);
    }
  }

  /** What a full disk forbids is tried again later: until then the journal is only longer than it need be. */
  #compact(): Promise<void> {
    return this.#lines.rewrite(() => this.#snapshot()).catch(() => undefined);
  }

  #snapshot(): Entry[] {
    const entries: Entry[] = [{ kind: 'sync', syncId: String(this.#syncId) }];
    for (const [nodeId, { assignment, record }] of this.#nodes) {
      entries.push({ kind: 'assignment', bytes: encode(assignment) }, { kind: 'record', nodeId, record });
    }
    return entries;
  }
}

function encode(assignment: Assignment): string {
  return Buffer.from(Assignment.encode(assignment).finish()).toString('base64');
}
