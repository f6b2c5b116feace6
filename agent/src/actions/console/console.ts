import { ConsoleFrame, type ChannelData, type OpenConsole } from '@wombat/proto/agent';
import { WombatError, limits } from '@wombat/proto';
import type { NodeContext } from '../../nodes/node-context.js';
import { newStartId } from '../../processes/runner.js';
import type { Listen } from '../../session/handlers.js';
import type { ExecServices } from '../exec-services.js';
import { consoleLaunch } from './console-launch.js';
import { Pty } from './pty.js';

type Kind = NonNullable<ConsoleFrame['kind']>;

/** Room for the frame around the bytes of one chunk. */
const largestDataBytes = limits.channelChunkBytes - 64;

/**
 * A program on a terminal, until it ends, the signal fires, or nobody reads any more; nothing of it is left then.
 * @throws WombatError when the host does not allow it or cannot
 */
export async function* openConsole(request: OpenConsole, listen: Listen, signal: AbortSignal, services: ExecServices): AsyncGenerator<ChannelData> {
  const launch = consoleLaunch(request, contextOf(request.targetId, services), services);
  const startId = newStartId();
  const pty = await Pty.open({ ...launch, startId, path: services.path, size: request.size ?? { rows: 0, columns: 0 } }, signal);
  const onAbort = (): void => void pty.end();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    listen((data) => take(pty, data));
    yield framed({ $case: 'started', value: { what: launch.what, user: launch.user } });
    for await (const bytes of pty.output) {
      for (let at = 0; at < bytes.length; at += largestDataBytes) yield framed({ $case: 'data', value: bytes.subarray(at, at + largestDataBytes) });
    }
    yield framed({ $case: 'ended', value: await pty.ended });
  } finally {
    signal.removeEventListener('abort', onAbort);
    await pty.end();
    // What has gone where the terminal's own watchman did not find it.
    services.leftBehind.clear(startId, []);
  }
}

function contextOf(targetId: string, { hostId, nodeContext }: ExecServices): NodeContext | undefined {
  if (targetId === hostId) return undefined;
  const context = nodeContext(targetId);
  if (!context) throw new WombatError('WO_EXEC_REJECTED', `${targetId} is not on this host`);
  return context;
}

async function take(pty: Pty, data: Uint8Array): Promise<void> {
  const { kind } = ConsoleFrame.decode(data);
  if (kind?.$case === 'data') await pty.write(kind.value);
  else if (kind?.$case === 'resized') pty.resize(kind.value);
}

function framed(kind: Kind): ChannelData {
  return { offset: 0n, data: Buffer.from(ConsoleFrame.encode({ kind }).finish()), lostBytes: 0n, log: undefined };
}
