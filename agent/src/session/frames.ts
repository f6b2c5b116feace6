import type { SessionRequest} from '@wombat/proto/agent';
import { ExecOutcome, NodeStatus, SessionResponse, SessionServiceService } from '@wombat/proto/agent';
import { limits } from '@wombat/proto';
import type { MethodDefinition } from '@grpc/grpc-js';

/** A frame as it came, or why it cannot be used. A bad frame is a value: it ends a session, never the process. */
export type ReceivedFrame = SessionResponse | { readonly broken: string };

/** The session's method with a decoder that never throws. */
export const sessionMethod: MethodDefinition<SessionRequest, ReceivedFrame> = {
  ...SessionServiceService.session,
  responseSerialize: () => Buffer.alloc(0),
  responseDeserialize: decodeFrame,
};

export function decodeFrame(bytes: Buffer): ReceivedFrame {
  if (bytes.length > limits.sessionFrameBytes) return { broken: `a frame of ${bytes.length} bytes, ${limits.sessionFrameBytes} are allowed` };
  try {
    return SessionResponse.decode(bytes);
  } catch (error) {
    return { broken: `a frame that cannot be read: ${(error as Error).message}` };
  }
}

/** Room in a frame for the lengths and tags around what is packed into it. */
const envelopeBytes = 64;
const largestPartBytes = limits.sessionFrameBytes - envelopeBytes;

/** Takes from the front as many statuses as fit into one frame, at least one. */
export function packStatuses(statuses: Iterable<NodeStatus>): readonly NodeStatus[] {
  const packed: NodeStatus[] = [];
  let size = 0;
  for (const status of statuses) {
    const fitting = shrinkStatus(status);
    // Six bytes at most for the tag and the length of each.
    size += sizeOf(NodeStatus, fitting) + 6;
    if (packed.length > 0 && size > largestPartBytes) break;
    packed.push(fitting);
  }
  return packed;
}

/** Drops the long texts of a status that would not fit into a frame: the phase is what counts. */
export function shrinkStatus(status: NodeStatus): NodeStatus {
  if (sizeOf(NodeStatus, status) <= largestPartBytes) return status;
  const { lastError } = status;
  return {
    ...status,
    logTail: cutText(status.logTail),
    waiting: status.waiting && { ...status.waiting, reason: cutText(status.waiting.reason) },
    lastError: lastError && { ...lastError, message: cutText(lastError.message), hint: cutText(lastError.hint), details: {} },
  };
}

/** Cuts the heads of an outcome's output until it fits; the rest can be read over a channel. */
export function shrinkOutcome(outcome: ExecOutcome): ExecOutcome {
  // To see how large it is it would be encoded, and most have next to no output.
  if (!outcome.error && (outcome.stdout?.head.length ?? 0) + (outcome.stderr?.head.length ?? 0) < largestPartBytes / 2) return outcome;
  let fitting = outcome;
  for (let head = limits.outcomeHeadBytes; sizeOf(ExecOutcome, fitting) > largestPartBytes && head >= 1; head /= 2) {
    const { stdout, stderr, error } = fitting;
    fitting = {
      ...fitting,
      stdout: stdout && { ...stdout, head: stdout.head.subarray(0, head) },
      stderr: stderr && { ...stderr, head: stderr.head.subarray(0, head) },
      error: error && { ...error, message: error.message.slice(0, head), hint: error.hint.slice(0, head), details: {} },
    };
  }
  return fitting;
}

function cutText(text: string): string {
  return text.slice(0, 1024);
}

function sizeOf<Message>(codec: { encode(message: Message): { finish(): Uint8Array } }, message: Message): number {
  return codec.encode(message).finish().length;
}
