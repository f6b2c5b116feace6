import t, { type Test } from 'tap';
import { systemClock } from '@wombat/proto';
import { CuttingRelay } from '../../testing/cutting-relay.js';
import { PostgresServer } from '../../testing/postgres-server.js';
import { put } from '../../testing/test-store.js';
import type { Store } from '../store.js';
import { event, provider, told } from '../testing/rows.js';
import type { PostgresAddress } from './address.js';
import { openPostgresStore } from './open.js';

t.setTimeout(180_000);

const server = await PostgresServer.start(t);
const { password } = PostgresServer;
const away = { code: 'WO_STORE_UNAVAILABLE' };

async function open(test: Test, address: PostgresAddress, patienceMs = 30_000): Promise<{ readonly store: Store; readonly said: string[] }> {
  const said: string[] = [];
  const store = await openPostgresStore({ address, password, clock: systemClock, patienceMs, told: { lost: () => said.push('lost'), regained: () => said.push('regained') } });
  test.teardown(() => store.close());
  return { store, said };
}

/** Each attempt waits for the store's own patience. */
async function persistently(work: () => Promise<void>, attempts = 100): Promise<void> {
  await work().catch((error: unknown) => {
    if (attempts === 0) throw error;
    return persistently(work, attempts - 1);
  });
}

void t.test('a second coordinator is refused while the first one works, and may come when that has gone', async (test) => {
  const address = await server.createDatabase();
  const { store } = await open(test, address);
  const refused = { code: 'WO_IN_USE', message: /another coordinator works with the database \(process \d+ of the server, from 127\.0\.0\.1, since 2/ };
  await test.rejects(openPostgresStore({ address, password, clock: systemClock, patienceMs: 300 }), refused);
  await put(store, 'providers', provider(1));
  await store.close();
  const { store: next } = await open(test, address);
  test.equal(await next.read.providers.count({}), 1, 'with what the first one has written');
});

void t.test('connections that the server ends are opened again, and nobody notices', async (test) => {
  const address = await server.createDatabase();
  const { store, said } = await open(test, address);
  await put(store, 'providers', provider(1));
  await store.read.providers.count({});
  for (let round = 0; round < 3; round += 1) {
    await server.execute(server.address('postgres'), `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${address.database}'`);
    test.equal(await store.read.providers.count({}), 1 + round, 'read');
    await put(store, 'providers', provider(2 + round));
  }
  test.strictSame(said, ['lost', 'regained', 'lost', 'regained', 'lost', 'regained'], 'each loss is told once');
});

void t.test('a server that is away is waited for, then told of; when it is there again all goes on', async (test) => {
  const address = await server.createDatabase();
  const { store, said } = await open(test, address, 300);
  await put(store, 'providers', provider(1));
  const half = store.transaction(async (transaction) => {
    await transaction.providers.insert(provider(2));
    await server.kill();
    await transaction.events.append(event());
  });
  await test.rejects(half, away, 'a transaction that was under way');
  const startedAt = performance.now();
  const answers = await Promise.allSettled([put(store, 'providers', provider(3)), store.read.providers.count({})]);
  test.match(answers, [{ status: 'rejected', reason: away }, { status: 'rejected', reason: away }], 'one that comes, and a question');
  test.ok(performance.now() - startedAt < 30_000, 'the wait has an end');
  await server.start();
  await persistently(() => put(store, 'providers', provider(4)));
  test.strictSame(await store.read.providers.ids({}), [provider(1).id, provider(4).id], 'what was acknowledged, and nothing else');
  test.strictSame(said, ['lost', 'regained']);
});

void t.test('a commit whose answer is lost is looked up, and told to listeners when it was kept', async (test) => {
  const address = await server.createDatabase();
  const relay = await CuttingRelay.start(test, address.port);
  const { store } = await open(test, { ...address, port: relay.port });
  const heard: number[] = [];
  store.onCommit(({ events }) => heard.push(...events.map(({ sequence }) => sequence)));
  for (const [index, cut] of (['answer', 'question', 'answer'] as const).entries()) {
    await store.transaction((transaction) => transaction.events.append(event(`before ${index}`)));
    const doubtful = store.transaction(async (transaction) => {
      await transaction.events.append(event(`${cut} ${index}`));
      relay.cutAt('; commit', cut);
    });
    if (cut === 'answer') await test.resolves(doubtful, 'it was kept');
    else await test.rejects(doubtful, away, 'the server never heard of it');
  }
  const all = await told(store);
  test.strictSame(all.map(([, type]) => type), ['before 0', 'answer 0', 'before 1', 'before 2', 'answer 2'], 'what is there');
  test.strictSame(heard, [1, 2, 3, 4, 5], 'listeners heard of each once, in order, and of nothing else');
  test.equal(relay.cuts, 3, 'each of them was cut off');
});

void t.test('a server that says nothing more is given up in time, and the lock that it still holds for us is taken back', async (test) => {
  const address = await server.createDatabase();
  const relay = await CuttingRelay.start(test, address.port);
  const store = await openPostgresStore({ address: { ...address, port: relay.port }, password, clock: systemClock, answerTimeoutMs: 2_000, patienceMs: 300 });
  test.teardown(() => store.close());
  await put(store, 'providers', provider(1));
  relay.freeze();
  await test.rejects(put(store, 'providers', provider(2)), away, 'a change is refused');
  await test.rejects(openPostgresStore({ address, password, clock: systemClock, patienceMs: 300 }), { code: 'WO_IN_USE' }, 'to the server the coordinator is still there');
  relay.thaw();
  await persistently(() => put(store, 'providers', provider(3)));
  test.strictSame(await store.read.providers.ids({}), [provider(1).id, provider(3).id], 'and all goes on');
});

void t.test('what cannot be opened is refused with the reason', async (test) => {
  const address = await server.createDatabase();
  const refused = async (change: Partial<PostgresAddress>, secret: string | undefined, expected: { readonly code: string | RegExp; readonly message?: RegExp }, what: string): Promise<void> => {
    const opening = openPostgresStore({ address: { ...address, ...change }, password: secret, clock: systemClock, patienceMs: 300 });
    await test.rejects(opening, expected, what);
    const error = await opening.catch((caught: unknown) => caught);
    test.notMatch(JSON.stringify(error) + String(error), /wrong-one/, `${what}: no password in it`);
  };
  await refused({}, 'wrong-one', { code: 'WO_STORE_UNUSABLE', message: /password authentication failed/ }, 'a wrong password');
  await refused({}, undefined, { code: /WO_STORE_UN/, message: /password/ }, 'none');
  await refused({ database: 'nowhere' }, password, { code: 'WO_STORE_UNUSABLE', message: /"nowhere" does not exist/ }, 'no such database');
  await refused({ port: 1 }, password, { code: 'WO_STORE_UNAVAILABLE', message: /ECONNREFUSED/ }, 'nobody listens');
  await refused({ tls: { authorityFile: undefined } }, password, { code: /WO_STORE_UN/, message: /SSL/ }, 'a server without TLS where TLS is asked for');
  await refused({ tls: { authorityFile: '/no/such/file' } }, password, { code: 'WO_STORE_UNUSABLE', message: /no\/such\/file/ }, 'an authority that is not there');
  const latin = await server.createDatabase("encoding 'LATIN1' template template0 locale_provider libc locale 'C'");
  await refused({ database: latin.database }, password, { code: 'WO_STORE_UNUSABLE', message: /LATIN1/ }, 'a database that has not all characters');
});
