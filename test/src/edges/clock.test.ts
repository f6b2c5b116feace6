import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { HostPhase } from '@wombat/proto/control';
import t from 'tap';
import { launchers } from '../support/checkout.js';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { usualEnvironment } from '../support/spawn-plain.js';
import { toldError } from '../support/told-error.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const faketime = '/usr/bin/faketime';
const skip = existsSync(faketime) ? false : 'faketime is not installed';
const run = promisify(execFile);
/** For a program: another clock from its first instruction on, timers as they are. */
const shifted = (by: string): string[] => ['/usr/bin/env', 'FAKETIME_DONT_FAKE_MONOTONIC=1', faketime, '-f', by];

t.test('a clock that is off by an hour, either way, joins nothing and uses up nothing', { skip }, async (t) => {
  const workshop = await Workshop.closed(t);
  const { agents } = await workshop.coordinator.start();
  const token = await workshop.ok('token', 'create', 'by-hand');
  for (const [name, by, says] of [['behind', '-1h', /(1 h 0 min|59 min \d+ s) behind the coordinator's/], ['ahead', '+1h', /(1 h 0 min|59 min \d+ s) ahead of the coordinator's/]] as const) {
    const machine = await startAgentByHand(workshop, name, agents, token, shifted(by));
    const said = await machine.says(/WO_CLOCK_SKEW/);
    t.match(said, says, `${name}: the offset is measured`);
    machine.child.kill('SIGKILL');
    t.ok(existsSync(machine.tokenFile), 'the token is kept for when the clock is right');
  }
  t.equal((await workshop.fleet.hosts()).filter(({ phase }) => phase === HostPhase.UP).length, 0, 'no host is up');
  t.match((await workshop.fleet.events('host.clock-skew')).map(({ reason, message }) => `${reason} ${message}`), [/WO_CLOCK_SKEW .*127\.0\.0\.1\) is (1 h 0 min|59 min \d+ s) ahead/], 'the operator is told, where the machine got so far');

  const right = await startAgentByHand(workshop, 'right', agents, token, shifted('-4m'));
  await until('with four minutes it joins, with the same token', async () => (await workshop.fleet.hosts()).some(({ phase }) => phase === HostPhase.UP) || notYet(await right.log()));
});

t.test('wo with a clock that is an hour behind says so', { skip }, async (t) => {
  const workshop = await Workshop.closed(t);
  await workshop.coordinator.start();
  const [program = '', ...words] = [...shifted('-1h'), launchers.wo, 'host', 'list'];
  const failed = await run(program, words, { env: { ...usualEnvironment(), WO_CONFIG_DIR: workshop.directory }, timeout: 60_000 }).then(() => ({ code: 0, stderr: '' }), (error: { code: number; stderr: string }) => error);
  t.equal(failed.code, 1);
  t.match(toldError(failed.stderr), { code: 'WO_CLOCK_SKEW', message: /(1 h 0 min|59 min \d+ s) behind/ }, 'and by how much', { stderr: failed.stderr });
});
