import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Outcome } from '@wombat/proto/agent';
import { Job, JobState, JobTarget, TargetKind, type CreateJobRequest, type UploadFileRequest } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { metadata, startedAt } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';

const bytes = Buffer.from([0, 1, 2, 255, 10, 13, 0]);

async function coordinator(t: Test): Promise<{ fake: FakeCoordinator; requests: CreateJobRequest[]; uploads: Buffer[] }> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const [requests, uploads]: [CreateJobRequest[], Buffer[]] = [[], []];
  const job = (state: JobState): Job => Job.fromPartial({ metadata: metadata('job-aaaaaaaaaaaa'), state, targetCount: 2, finishedAt: startedAt });
  const target = (name: string, outcome: Outcome, error?: JobTarget['error']): JobTarget => JobTarget.fromPartial({ targetId: `node-${name}`, targetName: name, outcome, startedAt, finishedAt: startedAt, ...(error && { error }) });
  fake.handlers = {
    uploadFile: async (messages: AsyncIterable<UploadFileRequest>) => {
      const chunks: Buffer[] = [];
      let sha256 = '';
      for await (const { kind } of messages) {
        if (kind?.$case === 'header') sha256 = kind.value.sha256;
        if (kind?.$case === 'data') chunks.push(kind.value);
      }
      uploads.push(Buffer.concat(chunks));
      return { sha256, sizeBytes: BigInt(uploads.at(-1)!.length), existed: false };
    },
    createJob: (request) => (requests.push(request), { job: job(JobState.RUNNING) }),
    watchJob: async function* () {
      yield { kind: { $case: 'target', value: target('web-1', Outcome.OK) } };
      yield { kind: { $case: 'target', value: target('web-2', Outcome.REJECTED, { code: 'WO_EXEC_REJECTED', message: '"etc" is no plain file', hint: '', details: {} }) } };
      yield { kind: { $case: 'job', value: job(JobState.FINISHED) } };
    },
  };
  return { fake, requests, uploads };
}

t.test('a file is uploaded once, and a job puts it on the targets', async (t) => {
  const { fake, requests, uploads } = await coordinator(t);
  const directory = t.testdir({});
  writeFileSync(join(directory, 'app.conf'), bytes);
  chmodSync(join(directory, 'app.conf'), 0o750);
  const ran = await runWo(fake, ['push', 'app.conf', 'family = web:etc/x'], { cwd: directory });
  t.equal(ran.exit, 3, 'some failed');
  t.equal(ran.stdout, '');
  t.match(ran.stderr, /^✗ web-2: rejected {2}WO_EXEC_REJECTED: "etc" is no plain file\n1 ok, 1 rejected of 2 targets/);
  t.same(uploads, [bytes]);
  t.match(requests, [{ expression: 'family = web', on: TargetKind.UNSPECIFIED, timeout: { seconds: 600n }, action: { kind: { $case: 'putFile', value: { path: 'etc/x', sizeBytes: 7n, mode: 0o750, user: '' } } } }]);
});

t.test('its own name, other permissions, another user', async (t) => {
  const { fake, requests } = await coordinator(t);
  const directory = t.testdir({ 'a b': 'x' });
  for (const target of ['web:', 'web:etc/', 'web:data:', 'rack-7:/etc/']) await runWo(fake, ['push', join(directory, 'a b'), target, '--mode', '0600', '--user', 'www', '--timeout', '5s']);
  const files = requests.map(({ action }) => (action?.kind?.$case === 'putFile' ? action.kind.value : undefined));
  t.same(files.map((file) => file?.path), ['a b', 'etc/a b', 'data:a b', '/etc/a b']);
  t.match([files[0], requests[0]], [{ mode: 0o600, user: 'www' }, { timeout: { seconds: 5n } }]);
});

t.test('what cannot be pushed is refused before anything is sent', async (t) => {
  const { fake, requests, uploads } = await coordinator(t);
  const directory = t.testdir({ file: 'x' });
  for (const [words, why] of [[['file', 'web'], /EXPRESSION:PATH/], [['none', 'web:x'], /there is no file/], [['.', 'web:x'], /no regular file/], [['file', 'web:x', '--mode', '4755'], /permissions in octal/],
    [['file', 'web:x', '--mode', 'u+x'], /permissions in octal/], [['file', 'web:x', '--seed', 'a'], /--seed is for --sample/]] as const) {
    const ran = await runWo(fake, ['push', ...words], { cwd: directory });
    t.match([ran.exit, ran.stderr], [2, why], words.join(' '));
  }
  t.same([requests, uploads], [[], []]);
});
