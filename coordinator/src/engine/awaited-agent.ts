import { minuteOf } from '../domain/minute.js';
import type { Host } from '../domain/model/host.js';
import type { Reader } from '../store/store.js';

export interface AwaitedAgent {
  readonly untilMs: number;
  /** What the host waits for, and until when. */
  readonly reason: string;
}

/** A machine that somebody sets up by hand comes when he is ready: as long as its token is good, and then as quickly as others. */
export async function awaitedAgent(read: Pick<Reader, 'joinTokens'>, host: Host, enrolTimeoutMs: number): Promise<AwaitedAgent> {
  const tokens = host.providerId === '' ? await read.joinTokens.find({ hostId: host.id }) : [];
  const good = tokens.filter((token) => token.revokedAt === undefined);
  const untilMs = Math.max(host.phaseSince, ...good.map((token) => token.usedAt ?? token.expiresAt)) + enrolTimeoutMs;
  const unused = good.filter((token) => token.usedAt === undefined).map((token) => token.expiresAt);
  if (unused.length > 0 && unused.length === good.length) {
    return { untilMs, reason: `no agent has used its join token yet, which is good until ${minuteOf(Math.max(...unused))}` };
  }
  return { untilMs, reason: `its agent has not reported yet; it is given up at ${minuteOf(untilMs)}` };
}
