import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { launchers } from '../support/checkout.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { isAlive } from '../support/processes.js';
import { spawnPlain, usualEnvironment } from '../support/spawn-plain.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.test('a join token lets one machine in, once', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const token = await workshop.ok('token', 'create', 'by-hand');
  t.match(token, /^wo1\.[0-9a-f]{64}\.tok-[a-z2-7]{12}\.\S+$/, 'a script gets the token alone');

  const machine = await startAgent(workshop, 'machine', agents, token);
  const host = await until('the host is up', async () => (await workshop.fleet.hosts()).find(({ phase }) => phase === HostPhase.UP) ?? notYet(await machine.log()));
  t.equal(nameOf(host), 'by-hand', 'under the name that the token gives');
  t.notOk(existsSync(machine.tokenFile), 'the file with the token is removed once it has joined');
  t.match(await workshop.ok('token', 'list'), /used/, 'the token is told to be used');
  t.match(await workshop.ok('exec', 'by-hand', '--', 'echo', 'here'), /here/, 'commands reach the machine');

  const thief = await startAgent(workshop, 'thief', agents, token);
  await until('the second machine is told that the token is refused', async () => {
    const said = await thief.log();
    return /WO_TOKEN_REFUSED/.test(said) || notYet(said);
  });
  t.strictSame((await workshop.fleet.hosts()).map(idOf), [idOf(host)], 'it is no host');
  t.notOk((await thief.log()).includes(token.split('.')[3] ?? token), 'the secret is in no log');
  t.ok((await workshop.fleet.events()).some(({ type, message }) => /token/.test(type) && /refused|used/.test(message)), 'the operator is told of it', { events: (await workshop.fleet.events()).map(({ type, message }) => `${type} ${message}`) });
  t.ok(workshop.agents().some((agent) => agent.argv.some((word) => word.endsWith('/machine')) && isAlive(agent)), 'the first machine is not disturbed');

  const revoked = await workshop.ok('token', 'create', 'never');
  await workshop.ok('token', 'revoke', revoked.split('.')[2] ?? '', '--yes');
  const late = await startAgent(workshop, 'late', agents, revoked);
  await until('a revoked token is refused', async () => {
    const said = await late.log();
    return /WO_TOKEN_REFUSED/.test(said) || notYet(said);
  });
});

interface Machine {
  readonly tokenFile: string;
  log(): Promise<string>;
}

/** An agent as somebody starts it by hand, with everything in a directory of its own. */
async function startAgent(workshop: Workshop, name: string, coordinator: string, token: string): Promise<Machine> {
  const directory = join(workshop.directory, name);
  await mkdir(directory, { mode: 0o700 });
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  const log = join(workshop.directory, `${name}.log`);
  const output = openSync(log, 'a');
  spawnPlain(launchers.agent, ['--coordinator', coordinator, '--directory', directory, '--join-token-file', tokenFile, '--address', '127.0.0.1'], usualEnvironment(), { stdio: ['ignore', output, output] });
  closeSync(output);
  return { tokenFile, log: async () => await readFile(log, 'utf8') };
}
