import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HostPhase, type Operation } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { packageAgent } from '../support/agent-packages.js';
import { AgentVariants } from '../support/agent-variants.js';
import { expectExit } from '../support/expect.js';
import { describeProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(240_000);

/** Instead of 60: nobody waits for an agent that cannot come. */
const confirmSeconds = '8';
const skip = process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs: each waits for an agent to start, or not to';

t.test('an agent is updated while its commands run on, and goes back to the one before when the new one is no good', async (t) => {
  const workshop = await Workshop.open(t, { environment: (directory) => ({ WOMBAT_HTTP_TLS: 'true', WOMBAT_AGENT_PACKAGES: join(directory, 'packages') }) });
  const [packages, machine, script] = ['packages', 'machine', 'install.sh'].map((name) => join(workshop.directory, name)) as [string, string, string];
  const program = join(machine, 'opt/wombat-agent/program');
  await packageAgent(packages);
  const variants = await AgentVariants.of(packages);
  const first = variants.sha256;
  writeFileSync(script, `${await workshop.ok('token', 'create', 'rack-7', '--print', 'shell')}\n`);
  await promisify(execFile)('sh', [script, '--prefix', machine], { timeout: 120_000, env: { ...process.env, WOMBAT_UPDATE_CONFIRM_SECONDS: confirmSeconds } });

  const host = async () => (await workshop.fleet.hosts())[0];
  const runs = (sha256: string) => until(`the agent runs ${sha256.slice(0, 8)}`, async () => {
    const seen = await host();
    return (seen?.phase === HostPhase.UP && seen.agentPackage === sha256) || notYet(`${seen?.phase} ${seen?.agentPackage}`);
  }, { withinMs: 60_000 });
  const agents = () => workshop.processes().filter(({ argv }) => argv.some((word) => word.endsWith('agent.cjs')));
  const oneAgent = () => until('one agent runs', () => agents().length === 1 || notYet(agents().map(describeProcess)));
  const sleeper = () => workshop.processes().find(({ argv }) => argv[0] === 'sleep' && argv[1] === '4321')?.pid;
  const operation = async (): Promise<Operation> => JSON.parse(await workshop.ok('operation', 'list', '--limit', '1', '-o', 'json')).operations[0] as Operation;

  await runs(first);
  expectExit(t, await workshop.wo('exec', 'rack-7', '--detach', '--timeout', '10m', '--', 'sleep', '4321'), 0);
  const command = await until('the command runs', sleeper);

  const goesBack = async (t: Test, starts: string, why: RegExp): Promise<void> => {
    const before = (await host())!.agentPackage;
    const sha256 = await variants.next(starts);
    const result = await workshop.wo('host', 'update', 'rack-7');
    expectExit(t, result, 1);
    t.match(result.stderr, why, 'the reason');
    t.match(result.stderr, /rack-7/, 'where');
    await runs(before);
    await oneAgent();
    t.equal(sleeper(), command, 'the command runs on');
    t.notOk(existsSync(join(program, 'pending')), 'nothing is under way');
    t.notMatch(readFileSync(join(program, 'failed'), 'utf8'), sha256, 'it is noted by the id of the update');
    t.notOk(existsSync(join(program, 'versions', sha256)), 'what was given up takes no space');
  };

  await t.test('to another version', async (t) => {
    const next = await variants.next();
    for (const words of [[], ['rack-7', '--all'], ['--all', '--at-once', '0']]) expectExit(t, await workshop.wo('host', 'update', ...words), 2, 'what is meant has to be said');
    expectExit(t, await workshop.wo('host', 'update', 'rack-9'), 5, 'no such host');
    const planned = await workshop.wo('host', 'update', '--all', '--dry-run');
    expectExit(t, planned, 0);
    t.match(planned.stdout, /rack-7/, 'the plan');
    const pid = agents()[0]!.pid;
    const result = await workshop.wo('host', 'update', '--all');
    expectExit(t, result, 0);
    t.match(result.stderr, /updated/, 'what is told');
    await runs(next);
    await oneAgent();
    t.not(agents()[0]!.pid, pid, 'another process');
    t.equal(sleeper(), command, 'the command runs on');
    const again = await workshop.wo('host', 'update', '--all');
    expectExit(t, again, 0);
    t.match(again.stderr, /left: rack-7: it runs this package already\nnothing to do/, 'and again there is nothing to do');
    t.match(await workshop.ok('host', 'show', 'rack-7'), `package ${next.slice(0, 12)}`, 'as the host says');
  });

  await t.test('one that ends before it is greeted', (t) => goesBack(t, 'exit 3', /ended with exit code 3/));
  await t.test('one that never connects', { skip }, (t) => goesBack(t, 'exec sleep 1000', /had not greeted it after 8 s/));

  await t.test('bytes that are not what their name stands for: the agent is not even ended', { skip }, async (t) => {
    await variants.next();
    variants.spoil();
    const [agent] = agents();
    const result = await workshop.wo('host', 'update', 'rack-7');
    expectExit(t, result, 1);
    t.match(result.stderr, /WO_ARTIFACT_CORRUPT/, 'the code');
    t.strictSame(agents().map(({ pid }) => pid), [agent!.pid], 'the same process');
    t.notOk(existsSync(join(program, 'pending')), 'nothing is under way');
  });

  await t.test('the coordinator is killed on the way', { skip }, async (t) => {
    const next = await variants.next();
    await workshop.ok('host', 'update', 'rack-7', '--detach');
    await workshop.restartCoordinator();
    await runs(next);
    await until('the operation ends', async () => {
      const { state } = (await operation()) as unknown as { state: string };
      return state === 'OPERATION_STATE_SUCCEEDED' || notYet(state);
    });
    await oneAgent();
    t.equal(sleeper(), command, 'the command runs on');
    t.equal(readdirSync(join(program, 'versions')).length, 2, 'of the versions, the one that runs and the one before are kept');
  });
});
