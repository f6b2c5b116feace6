import type { ChannelData, OpenChannel } from '@wombat/proto/agent';
import { limits, toErrorDetail, WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import type { ChannelCall, Connection } from './connection.js';
import type { Listen, SessionHandlers } from './handlers.js';
import { writeWhenReady } from './stream-writer.js';

/** More at once than people watch, few enough that a flood costs little. */
const maximumChannels = 64;
const maximumIdLength = 64;
/** How long the coordinator may take to end a channel that we have ended: whoever reads may be slow, and what is on its way must not be cut. */
const lingerMs = 10 * 60_000;

type ChannelHandlers = Pick<SessionHandlers, 'readLogs' | 'readExecOutput' | 'measureData' | 'readFiles' | 'openConsole'>;

/** Serves the channels that a session asks for, each a stream of its own beside the session. */
export class Channels {
  readonly #handlers: ChannelHandlers;
  readonly #log: Logger;
  #open = 0;

  constructor(handlers: ChannelHandlers, log: Logger) {
    this.#handlers = handlers;
    this.#log = log;
  }

  /** Resolves when the channel is over, however it ended; never rejects. */
  async serve(connection: Connection, request: OpenChannel, signal: AbortSignal): Promise<void> {
    if (request.channelId.length === 0 || request.channelId.length > maximumIdLength) {
      this.#log.warn('a channel without a usable id was asked for');
      return;
    }
    const call = connection.channel();
    const over = endOf(call);
    this.#open++;
    try {
      await this.#serveOn(call, request, AbortSignal.any([signal, over]));
    } catch (error) {
      this.#log.debug({ channelId: request.channelId, reason: (error as Error).message }, 'channel ended early');
    } finally {
      this.#open--;
      finish(call, over);
    }
  }

  async #serveOn(call: ChannelCall, request: OpenChannel, signal: AbortSignal): Promise<void> {
    const write = writeWhenReady.bind(undefined, call);
    await write({ channelId: request.channelId, kind: undefined }, signal);
    try {
      for await (const data of this.#source(call, request, signal)) {
        for (const chunk of cut(data)) await write({ channelId: '', kind: { $case: 'data', value: chunk } }, signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      const detail = toErrorDetail(WombatError.from(error));
      await write({ channelId: '', kind: { $case: 'error', value: detail } }, signal);
    }
  }

  #source(call: ChannelCall, request: OpenChannel, signal: AbortSignal): AsyncIterable<ChannelData> {
    if (this.#open > maximumChannels) throw new WombatError('WO_RATE_LIMITED', `this host serves at most ${maximumChannels} channels at once`);
    switch (request.purpose?.$case) {
      case 'readLogs':
        return this.#handlers.readLogs(request.purpose.value, signal);
      case 'readExecOutput':
        return this.#handlers.readExecOutput(request.purpose.value, signal);
      case 'measureData':
        return this.#handlers.measureData(request.purpose.value, signal);
      case 'readFiles':
        return this.#handlers.readFiles(request.purpose.value, signal);
      case 'openConsole':
        return this.#handlers.openConsole(request.purpose.value, listenTo(call), signal);
      default:
        throw new WombatError('WO_METHOD_UNKNOWN', 'this agent does not know what the channel is for');
    }
  }
}

/** Fires when the coordinator has ended the channel, or the connection is gone. */
function endOf(call: ChannelCall): AbortSignal {
  const controller = new AbortController();
  const end = (): void => controller.abort(new WombatError('WO_CANCELLED', 'the coordinator has ended the channel'));
  call.on('end', end).on('error', end).on('close', end);
  // Nothing is expected from the other end, but only a stream that is read tells its end.
  call.resume();
  return controller.signal;
}

/** What the coordinator sends is taken no faster than it is used. */
function listenTo(call: ChannelCall): Listen {
  return (take) => void call.on('data', ({ kind }) => {
    if (kind?.$case !== 'data') return;
    call.pause();
    take(kind.value.data).catch((error: unknown) => call.emit('error', error)).finally(() => call.resume());
  });
}

function finish(call: ChannelCall, over: AbortSignal): void {
  if (over.aborted) return call.cancel();
  call.end();
  const timer = setTimeout(() => call.cancel(), lingerMs);
  timer.unref();
  over.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Chunks of what a channel message may hold; what was lost stands before the first. */
export function* cut(data: ChannelData): Generator<ChannelData> {
  const size = limits.channelChunkBytes;
  if (data.data.length <= size) return yield data;
  for (let start = 0; start < data.data.length; start += size) {
    yield {
      offset: data.offset + BigInt(start),
      data: data.data.subarray(start, start + size),
      lostBytes: start === 0 ? data.lostBytes : 0n,
      log: data.log,
    };
  }
}
