import type { ChannelCall } from './connection.js';
import type { ChannelRequest } from '@wombat/proto/agent';

/** Writes and waits until the stream takes more; rejects with the signal's reason. */
export function writeWhenReady(call: ChannelCall, message: ChannelRequest, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (call.write(message)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onDrain = (): void => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = (): void => {
      call.removeListener('drain', onDrain);
      reject(signal.reason as Error);
    };
    call.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
