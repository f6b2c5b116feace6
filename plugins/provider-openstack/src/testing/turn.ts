import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { systemClock } from '@wombat/plugin-sdk';

const tries = 750;
const tryEveryMs = 2_000;

/** Waits until no other process has this turn; it ends with the process at the latest. A name on Linux that is no file. */
export async function takeTurn(name: string): Promise<Server> {
  for (let left = tries; left > 0; left -= 1) {
    const server = createServer();
    const taken = once(server, 'listening').then(() => true, () => false);
    server.listen(`\0wombat-${name}`);
    // The process may end without giving it back.
    if (await taken) return server.unref();
    await systemClock.sleep(tryEveryMs);
  }
  throw new Error(`another process has had ${name} for ${(tries * tryEveryMs) / 60_000} minutes`);
}
