import { existsSync } from 'node:fs';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { idOf, nameOf } from '../support/fleet-view.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { isAlive } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.test('a join token lets one machine in, once', async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const token = await workshop.ok('token', 'create', 'by-hand');
  t.match(token, /^wo1\.[0-9a-f]{64}\.tok-[a-z2-7]{12}\.\S+$/, 'a script gets the token alone');

  const machine = await startAgentByHand(workshop, 'machine', agents, token);
  const host = await until('the host is up', async () => (await workshop.fleet.hosts()).find(({ phase }) => phase === HostPhase.UP) ?? notYet(await machine.log()));
  t.equal(nameOf(host), 'by-hand', 'under the name that the token gives');
  t.notOk(existsSync(machine.tokenFile), 'the file with the token is removed once it has joined');
  t.match(await workshop.ok('token', 'list'), /used/, 'the token is told to be used');
  t.match(await workshop.ok('exec', 'by-hand', '--', 'echo', 'here'), /here/, 'commands reach the machine');

  const thief = await startAgentByHand(workshop, 'thief', agents, token);
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
  const late = await startAgentByHand(workshop, 'late', agents, revoked);
  await until('a revoked token is refused', async () => {
    const said = await late.log();
    return /WO_TOKEN_REFUSED/.test(said) || notYet(said);
  });
});
