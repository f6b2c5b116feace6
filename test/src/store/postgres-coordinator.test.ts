import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PostgresServer } from '../../../coordinator/dist/testing/postgres-server.js';
import { prepareSleepers } from '../support/families.js';
import { CoordinatorProcess } from '../support/coordinator-process.js';
import { until, notYet } from '../support/until.js';
import { expectError } from '../support/told-error.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('a coordinator whose store is in PostgreSQL deploys, is killed, and outlives a database that is away', async (t) => {
  const server = await PostgresServer.start(t);
  const { port, database, user } = await server.createDatabase();
  const passwordFile = join(t.testdir({ 'password.txt': `${PostgresServer.password}\n` }), 'password.txt');
  const settings = { 'store-url': `postgresql://${user}@127.0.0.1:${port}/${database}`, 'store-password': `file:${passwordFile}` };
  const workshop = await Workshop.open(t, { settings });
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const before = await workshop.untilRunning(3);
  const pids = before.map(({ pid }) => String(pid)).sort();

  await t.test('a second one on the same database is refused', async (t) => {
    const second = new CoordinatorProcess({ home: t.testdir(), settings });
    await t.rejects(second.start(), /WO_IN_USE[\s\S]*another coordinator works with the database/, 'and tells why');
  });

  await t.test('a backup is left to the database, and the doctor looks at its settings', async (t) => {
    expectError(t, await workshop.wo('backup', workshop.directory), 'WO_BACKUP_ELSEWHERE', 2, /PostgreSQL, wombat@127\.0\.0\.1/);
    const { stdout } = await workshop.wo('doctor');
    t.match(stdout, /FAIL.*store.*fsync off/, 'the server of this test flushes nothing to its disk');
  });

  await t.test('killed and started again it knows all, and restarts nothing', async (t) => {
    await workshop.restartCoordinator();
    const after = await workshop.untilRunning(3);
    t.strictSame(after.map(({ pid }) => String(pid)).sort(), pids, 'the same nodes');
    await workshop.coordinator.kill();
    const stranger = new CoordinatorProcess({ home: t.testdir(), settings });
    await t.rejects(stranger.start(), /WO_KEY_UNUSABLE/, 'a directory without the key of its secrets is refused');
    await workshop.coordinator.start();
  });

  await t.test('while the database is away changes are refused, sessions stay, and afterwards all goes on', async (t) => {
    const { log } = workshop.coordinator;
    const sessions = async (what: string): Promise<number> => (await readFile(log, 'utf8')).split(`"msg":"session ${what}"`).length - 1;
    await until('the agents are connected again', async () => (await sessions('opened')) >= 2 * 2 || notYet(await sessions('opened')));
    const ended = await sessions('ended');
    const agents = workshop.agents().map(({ pid }) => pid);
    await server.kill();
    expectError(t, await workshop.wo('create-family', 'While it is away'), 'WO_STORE_UNAVAILABLE', 7, /PostgreSQL cannot be used/);
    await server.start();
    await until('changes are taken again', async () => {
      const { code, stderr } = await workshop.wo('create-family', 'Afterwards');
      return code === 0 || notYet(stderr);
    });
    await workshop.ok('deploy-nodes', family, '--amount', '1');
    const after = await workshop.untilRunning(4);
    t.strictSame(pids.filter((pid) => !after.some((node) => String(node.pid) === pid)), [], 'the nodes have run on');
    t.strictSame(workshop.agents().map(({ pid }) => pid).filter((pid) => agents.includes(pid)).sort(), [...agents].sort(), 'their agents too');
    t.equal(await sessions('ended'), ended, 'no session has ended');
    const said = await readFile(log, 'utf8');
    t.match(said, /the connection to PostgreSQL is lost[\s\S]*the connection to PostgreSQL is there again/, 'the log tells of it');
    t.notMatch(said, new RegExp(PostgresServer.password), 'without the password');
  });
});
