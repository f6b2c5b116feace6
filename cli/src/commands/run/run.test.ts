import { Family, Job, JobState, Release, type CreateJobRequest, type ManifestArgument, type ManifestCommand } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../../testing/fake-coordinator.js';
import { metadata } from '../../testing/objects.js';
import { runWo } from '../../testing/run-wo.js';

const argument = (name: string, fields: Partial<ManifestArgument> = {}): ManifestArgument => ({ name, type: 'string', help: '', required: false, default: '', positional: false, choices: [], ...fields });
const commands: ManifestCommand[] = [
  {
    name: 'backup', help: 'saves all', argv: ['bin/backup', '{{argument.path}}'],
    arguments: [argument('path', { help: 'where to', required: true, positional: true }), argument('level', { type: 'integer', default: '3' }), argument('mode', { type: 'choice', choices: ['full', 'delta'] }), argument('quick', { type: 'bool' })],
  },
  { name: 'ping', help: 'whether it answers', argv: [], arguments: [] },
];

async function coordinator(t: Test): Promise<{ fake: FakeCoordinator; requests: CreateJobRequest[] }> {
  const fake = await FakeCoordinator.start();
  const requests: CreateJobRequest[] = [];
  t.teardown(() => fake.stop());
  fake.handlers = {
    createJob: (request) => (requests.push(request), { job: Job.fromPartial({ metadata: metadata('job-aaaaaaaaaaaa'), state: JobState.FINISHED }) }),
    getFamily: ({ family }) => ({ family: Family.fromPartial({ metadata: metadata(family), spec: { releaseId: family === 'bare' ? '' : 'rel-a' } }) }),
    getRelease: ({ release }) => ({ release: Release.fromPartial({ metadata: metadata(release), offeredCommands: commands }) }),
  };
  return { fake, requests };
}

t.test('what wo does not know is for the command, and all behind --', async (t) => {
  const { fake, requests } = await coordinator(t);
  const lines: [words: string[], given: string[], more?: object][] = [
    [['shop', 'backup', '/srv', '--level', '-2', '--quick'], ['/srv', '--level', '-2', '--quick']],
    [['shop', '--timeout', '5s', 'backup', '--level=1', '/srv', '--all', '--window', '2'], ['--level=1', '/srv'], { timeout: { seconds: 5n }, all: true, limits: { window: { kind: { value: 2 } } } }],
    [['--sample', '2', 'shop', 'backup', '--', '--all', '--', '-b'], ['--all', '--', '-b'], { all: false, sample: { share: { kind: { value: 2 } } } }],
    [['shop', 'backup', '--level', '2', '--', '--', '--help'], ['--level', '2', '--', '--help']],
    [['shop', 'backup', '--level', '2', '--', '--all'], ['--level', '2', '--all'], { all: false }],
  ];
  for (const [words, given, more = {}] of lines) {
    const ran = await runWo(fake, ['run', '--detach', ...words]);
    t.match(ran, { exit: 0, stdout: 'job-aaaaaaaaaaaa\n' }, words.join(' '));
    t.match(requests.pop(), { expression: 'shop', releaseCommand: { name: 'backup', arguments: given }, action: undefined, ...more }, words.join(' '));
  }
});

t.test('help of a family tells its commands, that of a command its arguments', async (t) => {
  const { fake, requests } = await coordinator(t);
  for (const words of [['shop', '--help'], ['shop', '-h']]) {
    const all = await runWo(fake, ['run', ...words]);
    t.equal(all.exit, 0);
    t.match(all.stdout, /backup PATH \[--level=INTEGER\] \[--mode=full\|delta\] \[--quick\]\s+saves all\n\s+ping\s+whether it answers/);
  }
  const one = await runWo(fake, ['run', 'shop', 'backup', '--help']);
  t.match(one.stdout, /^wo run shop backup: saves all\n[^]*PATH +where to; needed\n +--level=INTEGER +3 when left out\n[^]*Runs\n +bin\/backup/);
  t.strictSame(JSON.parse((await runWo(fake, ['run', 'shop', 'ping', '--help', '-o', 'json'])).stdout), { name: 'ping', help: 'whether it answers' });
  t.match(await runWo(fake, ['run', 'shop', 'bakup', '--help']), { exit: 2, stderr: /did you mean backup\?/ });
  t.match(await runWo(fake, ['run', 'bare', '--help']), { exit: 5, stderr: /wo attach-release bare RELEASE/ });
  t.match((await runWo(fake, ['run', '--help'])).stdout, /^wo run: run a command that releases offer/, 'its own help is another');
  t.match(await runWo(fake, ['run', 'shop']), { exit: 2, stderr: /wo run shop --help/ });
  t.strictSame(requests, [], 'nothing is run');
});

t.test('the shell is offered the commands of the family', async (t) => {
  const { fake } = await coordinator(t);
  const offered = async (...words: readonly string[]): Promise<string> => (await runWo(fake, ['__complete', 'zsh', '--', 'run', ...words])).stdout;
  t.equal(await offered('shop', ''), 'words\nbackup\tsaves all\nping\twhether it answers\n');
  t.equal(await offered('shop', 'backup', ''), 'words\n', 'what follows is up to the command');
});
