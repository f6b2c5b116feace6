import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

interface JobJson {
  readonly targets: readonly { readonly targetName: string; readonly outcome: string; readonly stdout?: string; readonly stderr?: string; readonly exit?: { readonly code?: number } }[];
}

t.test('wo exec: one outcome for each target, whole outputs, exit codes', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const names = (await workshop.untilRunning(3)).map(nameOf).sort();
  const jobOf = async (...words: readonly string[]): Promise<JobJson> => JSON.parse((await workshop.wo('exec', family, '-o', 'json', ...words)).stdout) as JobJson;

  await t.test('all ok', async (t) => {
    const result = expectExit(t, await workshop.wo('exec', family, '--', 'sh', '-c', 'echo "$WOMBAT_NODE_ID in $(pwd)"'), 0);
    t.strictSame(result.stdout.trimEnd().split('\n').map((line) => line.split(' ')[0]).sort(), names, 'one line for each node, with its name before it');
    t.match(result.stderr, /3 ok of 3 targets/);
  });

  await t.test('some fail, all fail', async (t) => {
    const some = expectExit(t, await workshop.wo('exec', family, '--', 'sh', '-c', 'case "$WOMBAT_NODE_NAME" in *-2) echo gone wrong >&2; exit 5;; esac'), 3, 'some failed');
    t.match(some.stderr + some.stdout, /gone wrong/, 'what was written to standard error is shown');
    t.match(some.stderr + some.stdout, /failed \(exit 5\)/);
    expectExit(t, await workshop.wo('exec', family, '--', 'false'), 1, 'all failed');
    const none = await jobOf('--', 'no-such-program');
    t.ok(none.targets.every(({ outcome }) => outcome !== 'OUTCOME_OK'), 'a program that is not there is no success');
  });

  await t.test('too slow: timed out, and nothing of it runs on', async (t) => {
    const result = expectExit(t, await workshop.wo('exec', family, '--timeout', '1s', '--', 'sh', '-c', 'sleep 98765'), 1);
    t.match(result.stderr + result.stdout, /timed out/);
    await until('the commands are dead', () => {
      const left = workshop.processes().filter(({ argv }) => argv.includes('98765') || argv.join(' ').includes('sleep 98765'));
      return left.length === 0 || notYet(left.map(({ pid, argv }) => `${pid} ${argv.join(' ')}`));
    }, { withinMs: 5_000 });
  });

  await t.test('100 KiB of any bytes arrive whole', async (t) => {
    const { targets } = await jobOf('--', 'sh', '-c', 'head -c 102400 /dev/urandom >blob; cat blob; sha256sum <blob >&2');
    t.equal(targets.length, 3);
    for (const { targetName, stdout = '', stderr = '' } of targets) {
      const bytes = Buffer.from(stdout, 'base64');
      t.equal(bytes.length, 102_400, `${targetName}: every byte`);
      t.equal(createHash('sha256').update(bytes).digest('hex'), Buffer.from(stderr, 'base64').toString().slice(0, 64), `${targetName}: as it was written`);
    }
  });

  await t.test('what is written goes into a pipe as it is', async (t) => {
    const result = expectExit(t, await workshop.wo('exec', names[0]!, '--', 'printf', '\\033]0;owned\\007 \\033[31mred\\033[0m\\n'), 0);
    t.ok(result.stdout.endsWith('| \u001b]0;owned\u0007 \u001b[31mred\u001b[0m\n'), 'byte for byte');
  });

  await t.test('lines are shown while the command runs, without what is secret', async (t) => {
    writeFileSync(join(workshop.directory, 'live-secret'), 'canary-4711');
    const go = join(workshop.directory, 'go-on');
    const script = `echo "first $S"; echo oops >&2; printf 'can'; while [ ! -e ${go} ] && [ $((i+=1)) -lt 3000 ]; do sleep 0.02; done; echo 'not last'`;
    const running = workshop.spawnWo(['exec', names[0]!, '--secret', `S=file:${join(workshop.directory, 'live-secret')}`, '--', 'sh', '-c', script]);
    await until('the first lines are shown', () => (/first/.test(running.stdout) && /oops/.test(running.stderr)) || notYet(running.stdout + running.stderr));
    t.equal(running.stdout, `${names[0]!} | first ***********\n`, 'whole lines only');
    writeFileSync(go, '');
    const result = expectExit(t, await running.ended, 0);
    t.equal(result.stdout, `${names[0]!} | first ***********\n${names[0]!} | cannot last\n`, 'each line once');
  });

  await t.test('a folder, variables, a secret and an input of its own', async (t) => {
    writeFileSync(join(workshop.directory, 'input'), 'what it reads\n');
    writeFileSync(join(workshop.directory, 'token'), 'canary-5678\n');
    const words = ['--cwd', '/', '--env', 'SIZE=large', '--secret', `TOKEN=file:${join(workshop.directory, 'token')}`, '--stdin', join(workshop.directory, 'input')];
    const { targets } = await jobOf(...words, '--shell', '--', 'pwd; echo "$SIZE $1 ${#TOKEN} $TOKEN"; cat', 'first');
    for (const { targetName, stdout = '' } of targets) t.equal(Buffer.from(stdout, 'base64').toString(), '/\nlarge first 11 ***********\nwhat it reads\n', targetName);
    t.notMatch(await workshop.ok('job', 'list', '-o', 'json'), /canary/, 'the secret is never told again');
  });

  await t.test('a job is remembered', async (t) => {
    const [job] = (JSON.parse(await workshop.ok('job', 'list', '-o', 'json')) as { jobs: { metadata: { id: string } }[] }).jobs;
    expectExit(t, await workshop.wo('job', 'show', job?.metadata.id ?? ''), 0);
    expectExit(t, await workshop.wo('exec', 'nobody', '--', 'true'), 5, 'there is no such target');
  });
});
