import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { StandInCoordinator } from './testing/stand-in-coordinator.js';
import { until } from './testing/until.js';

const program = fileURLToPath(new URL('main.js', import.meta.url));

interface RunningAgent {
  readonly pid: number;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** The real program in a process of its own. */
function agent(t: Test, args: readonly string[], environment: Record<string, string> = {}): RunningAgent {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH ?? '', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return { pid: child.pid!, output: () => output, exit, kill: (signal) => child.kill(signal) };
}

async function joining(t: Test): Promise<{ standIn: StandInCoordinator; directory: string; tokenFile: string; flags: string[] }> {
  const standIn = await StandInCoordinator.start();
  t.teardown(() => standIn.stop());
  const base = t.testdir({});
  const [directory, tokenFile] = [join(base, 'agent'), join(base, 'token')];
  writeFileSync(tokenFile, standIn.joinToken());
  const flags = ['--directory', directory, '--coordinator', `127.0.0.1:${standIn.address.port}`, '--join-token-file', tokenFile];
  return { standIn, directory, tokenFile, flags };
}

t.test('what is asked wrongly is told, with the exit code for it', async (t) => {
  const help = agent(t, ['--help']);
  t.equal(await help.exit, 0, 'help is no failure');
  t.match(help.output(), /--epmd-directory DIR/, 'and tells the flags');
  const unknown = agent(t, ['--colour', 'red']);
  t.equal(await unknown.exit, 2, 'an unknown flag is refused');
  t.match(unknown.output(), /error WO_CONFIG_INVALID: .*--colour/, 'by its name');
});

t.test('an agent joins, holds a session, and stops when it is told to', async (t) => {
  const { standIn, directory, tokenFile, flags } = await joining(t);
  const first = agent(t, flags);
  await until(() => first.output().includes('"connected"'), 'the session');
  t.notOk(existsSync(tokenFile), 'the token is gone');
  t.equal(statSync(directory).mode & 0o777, 0o700, 'nobody else may look into the directory');
  const second = agent(t, flags);
  t.equal(await second.exit, 2, 'a second agent in this directory is refused');
  t.match(second.output(), new RegExp(`pid ${first.pid} runs in this directory`), 'and told who is there');
  const asked = performance.now();
  first.kill('SIGTERM');
  t.equal(await first.exit, 0, 'TERM ends it in good order');
  t.ok(performance.now() - asked < 2_000, 'within two seconds');
  t.notOk(existsSync(join(directory, 'agent.lock')), 'the lock is given back');
  const token = first.output().match(/wo1\./);
  t.equal(token, null, 'no token is in its log');

  const again = agent(t, flags);
  await until(() => again.output().includes('"connected"'), 'the session with the identity kept');
  t.equal(standIn.enrolments.length, 1, 'it did not enrol again');
  again.kill('SIGKILL');
  await again.exit;
  const after = agent(t, flags, { WOMBAT_AGENT_LOG_FILE: join(directory, 'agent.log') });
  await until(() => existsSync(join(directory, 'agent.log')) && readFileSync(join(directory, 'agent.log'), 'utf8').includes('"connected"'), 'a session after kill -9, told in the log file');
  t.equal(after.output(), '', 'with a log file nothing is printed');
});

t.test('a refused token ends the agent with a clear message', async (t) => {
  const { standIn, flags } = await joining(t);
  standIn.behaviour.enrol = () => Promise.reject(new WombatError('WO_TOKEN_REFUSED', 'the join token was used already'));
  const refused = agent(t, flags);
  t.equal(await refused.exit, 4, 'the exit code of what is not authorised');
  t.match(refused.output(), /error WO_TOKEN_REFUSED: the join token was used already\n {2}why: .+\n {2}try: create another one/, 'reason and next step');
});
