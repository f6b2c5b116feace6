import { limits, WombatError } from '@wombat/proto';
import { fieldLength, lengthDelimited, varintField, varintLength, writeVarint } from './wire.js';

/** One job for some targets of one host. The job is the same Buffer for every host. */
export interface ExecOrder {
  readonly targetIds: readonly string[];
  readonly job: Uint8Array;
}

const sessionResponseExec = lengthDelimited(4);
const execSequence = varintField(1);
const execTargetIds = lengthDelimited(2);
const execJob = lengthDelimited(3);

/** Tags, lengths and a sequence number at their largest. */
const overheadBytes = 32;

const targetsLength = (targetIds: readonly string[]): number => targetIds.reduce((sum, id) => sum + fieldLength(Buffer.byteLength(id)), 0);

/** SessionResponse { exec { sequence, target_ids, job } }, without encoding the job again. */
export function encodeExecFrame(sequence: number, { targetIds, job }: ExecOrder): Buffer {
  const size = 1 + varintLength(sequence) + targetsLength(targetIds) + fieldLength(job.length);
  const frame = Buffer.allocUnsafe(fieldLength(size));
  frame[0] = sessionResponseExec;
  let offset = writeVarint(frame, 1, size);
  frame[offset++] = execSequence;
  offset = writeVarint(frame, offset, sequence);
  for (const id of targetIds) {
    frame[offset++] = execTargetIds;
    offset = writeVarint(frame, offset, Buffer.byteLength(id));
    offset += frame.write(id, offset, 'utf8');
  }
  frame[offset++] = execJob;
  offset = writeVarint(frame, offset, job.length);
  frame.set(job, offset);
  return frame;
}

/**
 * Cuts the targets of one host so that each frame keeps within the limit.
 * @throws WombatError WO_INVALID_ARGUMENT when the job leaves no room for a target
 */
export function cutExec(job: Uint8Array, targetIds: readonly string[]): ExecOrder[] {
  if (job.length > limits.execJobBytes) {
    throw new WombatError('WO_INVALID_ARGUMENT', `the command takes ${job.length} bytes; ${limits.execJobBytes} is the most`);
  }
  const roomBytes = limits.sessionFrameBytes - overheadBytes - job.length;
  const orders: ExecOrder[] = [];
  let from = 0;
  let bytes = 0;
  targetIds.forEach((id, index) => {
    const length = fieldLength(Buffer.byteLength(id));
    if (bytes + length > roomBytes && index > from) {
      orders.push({ targetIds: targetIds.slice(from, index), job });
      from = index;
      bytes = 0;
    }
    bytes += length;
  });
  if (from < targetIds.length) orders.push({ targetIds: from === 0 ? targetIds : targetIds.slice(from), job });
  return orders;
}
