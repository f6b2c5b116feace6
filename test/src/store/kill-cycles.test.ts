import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { PostgresServer } from '../../../coordinator/dist/testing/postgres-server.js';
import { checkout } from '../support/checkout.js';
import { chooseSeed, seededRandom } from '../support/seeded-random.js';
import { noteResult } from '../support/faults/seeds.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { judge, openKilled, type KilledPlace } from './killed-store.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
// Two cores may be shared with others.
t.setTimeout(isFull ? 3_600_000 : 300_000);

const seed = chooseSeed();
t.comment(`WOMBAT_SEED=${seed} repeats this run`);

/** A process that writes, and what it has told to be kept. */
class Writer {
  readonly acknowledged = new Set<number>();
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #waiting: { readonly count: number; readonly reached: () => void } | undefined;

  constructor(place: KilledPlace, after: number) {
    const program = join(checkout, 'test/dist/store/acknowledging-writer.js');
    this.#child = spawnPlain(process.execPath, [program, JSON.stringify(place), String(after)], usualEnvironment(), { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#acknowledge(line));
    this.#closed = new Promise((resolve) => lines.once('close', resolve));
  }

  /** Until so many more are acknowledged. */
  async writes(count: number): Promise<void> {
    const reached = new Promise<void>((resolve) => (this.#waiting = { count: this.acknowledged.size + count, reached: resolve }));
    const ended = this.#closed.then(() => {
      throw new Error('the writer has ended by itself');
    });
    await Promise.race([reached, ended]);
    ended.catch(() => undefined);
  }

  /** Answers when all that it has said is read. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** So short a line comes whole or not at all. */
  #acknowledge(line: string): void {
    this.acknowledged.add(Number(line));
    if (this.#waiting && this.acknowledged.size >= this.#waiting.count) this.#waiting.reached();
  }
}

interface Cycles {
  readonly place: KilledPlace;
  readonly count: number;
  readonly random: () => number;
  /** Between the first writes and the kill. @default nothing */
  readonly meanwhile?: (writer: Writer, cycle: number) => Promise<void>;
}

/** Answers how many writes were acknowledged altogether. */
async function killAgainAndAgain({ place, count, random, meanwhile }: Cycles): Promise<number> {
  const acknowledged = new Set<number>();
  let last = 0;
  for (let cycle = 1; cycle <= count; cycle += 1) {
    const begunAt = performance.now();
    const writer = new Writer(place, last);
    try {
      await writer.writes(1 + Math.floor(random() * 20));
      await meanwhile?.(writer, cycle);
      await sleep(random() * 5);
    } finally {
      await writer.kill();
    }
    for (const number of writer.acknowledged) acknowledged.add(number);
    const store = await openKilled(place);
    last = await judge(store, acknowledged).catch((error: unknown) => {
      throw new Error(`after kill ${cycle}, seed ${seed}: ${String(error)}`);
    });
    await store.close();
    noteResult({ fault: 'F29', seed: Number(seed), violations: 0, ms: Math.round(performance.now() - begunAt), times: [] });
  }
  return acknowledged.size;
}

t.test('SQLite: no kill of its writer loses an acknowledged write or leaves half of one', async (t) => {
  // A new file now and then: it is read whole after each kill.
  const files = isFull ? 40 : 2;
  const one = async (index: number): Promise<number> => {
    const file = join(t.testdirName, String(index), 'wombat.db');
    return await killAgainAndAgain({ place: { file }, count: 25, random: seededRandom(`${seed}/sqlite/${index}`) });
  };
  t.testdir({});
  let acknowledged = 0;
  for (let index = 0; index < files; index += 2) {
    acknowledged += (await Promise.all([one(index), one(index + 1)])).reduce((sum, each) => sum + each);
  }
  t.ok(acknowledged >= files * 25, `${acknowledged} writes were acknowledged in ${files * 25} lives, and all of them are there`);
});

t.test('PostgreSQL: neither does a kill of its writer, or of the server', async (t) => {
  const server = await PostgresServer.start(t);
  const rounds = isFull ? 10 : 1;
  const count = isFull ? 20 : 6;
  for (let round = 0; round < rounds; round += 1) {
    const place = { address: await server.createDatabase(), password: PostgresServer.password };
    const acknowledged = await killAgainAndAgain({
      place, count, random: seededRandom(`${seed}/postgres/${round}`),
      meanwhile: async (writer, cycle) => {
        if (cycle % 3 !== 0) return;
        await server.kill();
        await server.start();
        await writer.writes(5);
      },
    });
    t.ok(acknowledged >= count, `${acknowledged} writes were acknowledged, and all of them are there`);
  }
});
