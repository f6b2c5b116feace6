import { limits } from '@wombat/proto';
import { Assignment } from '@wombat/proto/agent';
import { fieldLength, lengthDelimited, varintField, varintLength, writeVarint } from './wire.js';

const sessionResponseAssignments = lengthDelimited(3);
const assignmentsSyncId = varintField(1);
const assignmentsAssignment = lengthDelimited(2);
const assignmentsFlags = { fullSync: varintField(3), first: varintField(4), last: varintField(5) } as const;

/** Tags, lengths, the sync id and the flags at their largest. */
const overheadBytes = 32;
const roomBytes = limits.sessionFrameBytes - overheadBytes;

interface FullSync {
  readonly assignments: readonly Assignment[];
  readonly syncId: number;
  next: number;
  isFirst: boolean;
}

/**
 * What one agent is still to be told about its nodes. A full sync goes first; what changes in the
 * meantime waits behind it, the newest for each node only. Frames are encoded one by one as the
 * agent reads, so thousands of assignments never stand in memory encoded.
 */
export class AssignmentQueue {
  readonly #onOversize: (assignment: Assignment, sizeBytes: number) => void;
  readonly #changed = new Map<string, Assignment>();
  #syncId: number;
  #full: FullSync | undefined;
  // Nothing is sent before the full sync that a session begins with.
  #isOpen = false;
  // Encoded, but did not fit into the frame before.
  #carried: Uint8Array | undefined;

  constructor(journalPosition: bigint, onOversize: (assignment: Assignment, sizeBytes: number) => void) {
    // Sync ids go on from what the agent has journaled, so that they grow for it over our restarts.
    this.#syncId = journalPosition < 1n << 52n ? Number(journalPosition) : 0;
    this.#onOversize = onOversize;
  }

  startFullSync(assignments: readonly Assignment[]): void {
    this.#isOpen = true;
    this.#carried = undefined;
    this.#full = { assignments, syncId: ++this.#syncId, next: 0, isFirst: true };
  }

  change(assignments: readonly Assignment[]): void {
    for (const assignment of assignments) {
      const queued = this.#changed.get(assignment.nodeId);
      if (queued && queued.generation > assignment.generation) continue;
      this.#changed.set(assignment.nodeId, assignment);
    }
  }

  get hasFrame(): boolean {
    return this.#isOpen && (this.#full !== undefined || this.#carried !== undefined || this.#changed.size > 0);
  }

  nextFrame(): Buffer | undefined {
    if (!this.#isOpen) return undefined;
    return this.#full ? this.#nextOfFullSync(this.#full) : this.#nextOfChanges();
  }

  #nextOfFullSync(full: FullSync): Buffer {
    const parts = this.#gather(() => full.assignments[full.next++]);
    const isLast = this.#carried === undefined;
    const frame = encodeFrame(full.syncId, parts, { fullSync: true, first: full.isFirst, last: isLast });
    full.isFirst = false;
    if (isLast) this.#full = undefined;
    return frame;
  }

  #nextOfChanges(): Buffer | undefined {
    const parts = this.#gather(() => {
      for (const [nodeId, assignment] of this.#changed) {
        this.#changed.delete(nodeId);
        return assignment;
      }
      return undefined;
    });
    if (parts.length === 0) return undefined;
    return encodeFrame(++this.#syncId, parts, { fullSync: false, first: true, last: true });
  }

  /** Encodes from `take` until a frame is full; what did not fit is carried to the next. */
  #gather(take: () => Assignment | undefined): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    if (this.#carried) {
      parts.push(this.#carried);
      bytes = fieldLength(this.#carried.length);
      this.#carried = undefined;
    }
    for (let assignment = take(); assignment; assignment = take()) {
      const part = Assignment.encode(assignment).finish();
      const length = fieldLength(part.length);
      if (length > roomBytes) {
        this.#onOversize(assignment, part.length);
      } else if (bytes + length > roomBytes) {
        this.#carried = part;
        break;
      } else {
        parts.push(part);
        bytes += length;
      }
    }
    return parts;
  }
}

interface Flags {
  readonly fullSync: boolean;
  readonly first: boolean;
  readonly last: boolean;
}

/** SessionResponse { assignments { sync_id, assignments, full_sync, first, last } } from encoded assignments. */
function encodeFrame(syncId: number, parts: readonly Uint8Array[], flags: Flags): Buffer {
  const flagTags = (Object.keys(assignmentsFlags) as (keyof Flags)[]).filter((name) => flags[name]).map((name) => assignmentsFlags[name]);
  const partsLength = parts.reduce((sum, part) => sum + fieldLength(part.length), 0);
  const size = 1 + varintLength(syncId) + partsLength + 2 * flagTags.length;
  const frame = Buffer.allocUnsafe(fieldLength(size));
  frame[0] = sessionResponseAssignments;
  let offset = writeVarint(frame, 1, size);
  frame[offset++] = assignmentsSyncId;
  offset = writeVarint(frame, offset, syncId);
  for (const part of parts) {
    frame[offset++] = assignmentsAssignment;
    offset = writeVarint(frame, offset, part.length);
    frame.set(part, offset);
    offset += part.length;
  }
  for (const tag of flagTags) {
    frame[offset++] = tag;
    frame[offset++] = 1;
  }
  return frame;
}
