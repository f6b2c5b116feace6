import { chownSync } from 'node:fs';
import t from 'tap';
import { systemClock } from '@wombat/proto';
import { mountSmallDisk } from '@wombat/proto/testing';
import { PostgresServer } from '../../testing/postgres-server.js';
import { event } from '../testing/rows.js';
import { openPostgresStore } from './open.js';

t.setTimeout(120_000);

const server = await PostgresServer.start(t);
const { password } = PostgresServer;
// The smallest database takes 8 MiB.
const disk = mountSmallDisk(24);
t.teardown(() => disk?.remove());

void t.test('a full disk of the server refuses what would change something, and nothing else', { skip: disk ? false : 'no tmpfs can be mounted here' }, async (test) => {
  chownSync(disk!.path, PostgresServer.userId, PostgresServer.userId);
  await server.execute(server.address('postgres'), `create tablespace small location '${disk!.path}'`);
  const store = await openPostgresStore({ address: await server.createDatabase('tablespace small'), password, clock: systemClock });
  test.teardown(() => store.close());
  const append = (): Promise<void> => store.transaction((transaction) => transaction.events.append(event('x', { message: 'more '.repeat(500) })));
  await append();
  disk!.fill();
  let taken = 1;
  // Pages that the tables have already are still used.
  const untilRefused = async (): Promise<void> => {
    for (; taken < 1_000; taken += 1) await append();
  };
  const full = { code: 'WO_STORE_FULL', message: 'the disk of PostgreSQL is full' };
  await test.rejects(untilRefused(), full, 'a change is refused');
  await test.rejects(append(), full, 'and refused again');
  test.equal(await store.read.events.lastSequence(), taken, 'what was acknowledged is there, and can be read');
  disk!.free();
  await append();
  test.equal(await store.read.events.lastSequence(), taken + 1, 'it goes on at once, over the same connection, and no number is missing');
});

void t.test('what the server lacks otherwise is told as what it is, and costs no connection', async (test) => {
  const address = await server.createDatabase();
  const said: string[] = [];
  const store = await openPostgresStore({ address, password, clock: systemClock, told: { lost: () => said.push('lost'), regained: () => said.push('regained') } });
  test.teardown(() => store.close());
  const append = (): Promise<void> => store.transaction((transaction) => transaction.events.append(event()));
  await server.execute(address, `
    create table lacking (state text);
    create function lack() returns trigger language plpgsql as $$ begin raise exception 'on purpose' using errcode = (select state from lacking); end $$;
    create trigger lacks before insert on events for each row execute function lack()`);
  for (const [state, code] of [['53100', 'WO_STORE_FULL'], ['53200', 'WO_STORE_UNAVAILABLE'], ['53400', 'WO_STORE_UNAVAILABLE']] as const) {
    await server.execute(address, `truncate lacking; insert into lacking values ('${state}')`);
    await test.rejects(append(), { code }, `${state} is ${code}`);
  }
  test.strictSame(said, [], 'the connection has stayed');
  await server.execute(address, 'drop trigger lacks on events');
  await append();
  test.equal(await store.read.events.lastSequence(), 1, 'and all goes on');
});
