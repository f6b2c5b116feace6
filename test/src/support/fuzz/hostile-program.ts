import { StandInCoordinator } from '../../../../agent/dist/testing/stand-in-coordinator.js';
import { seededRandom } from '../seeded-random.js';
import { Fuzzer } from './fuzzer.js';
import { HostileCoordinator } from './hostile-coordinator.js';
import type { HostileOrders, HostileWord } from './hostile-process.js';

const tellEveryMs = 20;
const tell = (word: HostileWord): void => void process.send?.(word);

/** Signs nothing: its agent has enrolled already. */
async function nothing(): Promise<never> {
  throw new Error('nothing is signed here');
}

async function run({ clusterId, authority: certificate, pair, seed, spared }: HostileOrders): Promise<void> {
  const standIn = await StandInCoordinator.start({ authority: { clusterId, certificate, sha256: '', coordinator: nothing, host: nothing }, pair });
  const hostile = new HostileCoordinator({ standIn, fuzzer: new Fuzzer(seededRandom(seed)), spared, cut: () => tell('cut') });
  hostile.begin();
  tell({ listensAt: `127.0.0.1:${standIn.address.port}` });
  setInterval(() => tell({ counts: { cases: hostile.cases, sessions: hostile.sessions, raw: hostile.raw } }), tellEveryMs);
}

process.once('message', (orders: HostileOrders) => void run(orders));
// Whoever started it is gone.
process.once('disconnect', () => process.exit());
