import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AddDomainResponse, CreateFamilyResponse, CreateReleaseResponse, ReleaseLayout, RenderNodeResponse, type CreateReleaseRequest } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../../testing/fake-coordinator.js';
import { family, metadata } from '../../testing/objects.js';
import { runWo, type Ran } from '../../testing/run-wo.js';

interface Setting {
  readonly requests: CreateReleaseRequest[];
  readonly uploads: string[];
  readonly fake: FakeCoordinator;
  wo(...argv: string[]): Promise<Ran>;
}

async function setting(t: Test): Promise<Setting> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const cwd = t.testdir({ 'x.tar': 'for x64', 'arm.tar': 'for arm64', 'm.yaml': 'apiVersion: wombat/v1\nstrat: bin/x\n' });
  const requests: CreateReleaseRequest[] = [];
  const uploads: string[] = [];
  fake.handlers = {
    uploadArtifact: async (all) => {
      let text = '';
      let sha256 = '';
      for await (const { kind } of all) kind?.$case === 'header' ? (sha256 = kind.value.sha256) : (text += kind?.value);
      uploads.push(text);
      return { sha256, sizeBytes: BigInt(text.length), existed: false };
    },
    createRelease: (request) => {
      requests.push(request);
      const release = { metadata: metadata('rel-aaaaaaaaaaaa', request.name), version: '1', layout: ReleaseLayout.PLAIN, artifacts: request.artifacts, manifest: { start: 'bin/x', limits: { nice: 5 }, dataDirectory: true } };
      return CreateReleaseResponse.fromPartial({ release, dryRun: request.mutation?.dryRun ?? false, notes: ['a note'] });
    },
  };
  return { requests, uploads, fake, wo: (...argv) => runWo(fake, argv, { cwd }) };
}

t.test('a tarball for each platform', async (t) => {
  const { requests, uploads, wo } = await setting(t);
  const ran = await wo('upload-release', 'shop', 'x.tar', '--platform', 'linux/amd64', '--artifact', 'linux/arm64/musl=arm.tar');
  t.equal(ran.exit, 0, ran.stderr);
  t.equal(ran.stdout, 'rel-aaaaaaaaaaaa\n');
  t.strictSame(uploads, ['for x64', 'for arm64']);
  t.strictSame(requests[0]?.artifacts.map(({ platform }) => platform), [{ os: 'linux', arch: 'x64', libc: '' }, { os: 'linux', arch: 'arm64', libc: 'musl' }]);
  await wo('release', 'upload', 'shop', 'x.tar');
  t.strictSame(requests[1]?.artifacts.map(({ platform }) => platform), [undefined], 'what is not said is the coordinator\'s to find out');
});

t.test('platforms that are none, and files that are not there, are refused before anything is sent', async (t) => {
  const { requests, uploads, wo } = await setting(t);
  const wrong: [string[], RegExp][] = [
    [['--platform', 'linux/amr64'], /WO_ARTIFACT_PLATFORM[^]*did you mean arm64\?/],
    [['--artifact', 'arm.tar'], /--artifact wants KEY=VALUE/],
    [['--artifact', 'lunix/x64=arm.tar'], /WO_ARTIFACT_PLATFORM[^]*did you mean linux\?/],
    [['--manifest', 'gone.yaml'], /there is no file gone\.yaml/],
  ];
  for (const [flags, message] of wrong) {
    const ran = await wo('upload-release', 'shop', 'x.tar', ...flags);
    t.equal(ran.exit, 2, `${flags.join(' ')} is a matter of usage: ${ran.stderr}`);
    t.match(ran.stderr, message);
  }
  t.strictSame([requests, uploads], [[], []]);
});

t.test('a manifest file goes as it is: there is one who reads it', async (t) => {
  const { requests, wo } = await setting(t);
  await wo('upload-release', 'shop', 'x.tar', 'bin/y', '--manifest', 'm.yaml');
  t.match(requests[0], { manifestFile: { name: 'm.yaml', text: 'apiVersion: wombat/v1\nstrat: bin/x\n' }, manifest: { start: 'bin/y', stop: '' } });
  await writeFile(join(t.testdirName, 'm.yaml'), 'x'.repeat(300_000));
  const ran = await wo('upload-release', 'shop', 'x.tar', '--manifest', 'm.yaml');
  t.match(ran, { exit: 2, stderr: /m\.yaml is longer than 262144 bytes/ });
});

t.test('a dry run says that nothing was stored, and prints nothing that a script would take for an id', async (t) => {
  const { fake, wo } = await setting(t);
  const upload = await wo('upload-release', 'shop', 'x.tar', '--dry-run');
  t.match(upload, { exit: 0, stdout: /^name +shop\n/, stderr: /note: a note\ndry run: release shop 1 would be as above; nothing was stored\n$/ });
  t.notMatch(upload.stdout, /rel-aaaa/);
  t.match(JSON.parse((await wo('upload-release', 'shop', 'x.tar', '--dry-run', '-o', 'json')).stdout), { dryRun: true });
  fake.handlers.createFamily = (request) => CreateFamilyResponse.fromPartial({ family: family(request.name), dryRun: request.mutation?.dryRun ?? false });
  fake.handlers.addDomain = (request) => AddDomainResponse.fromPartial({ domain: { metadata: metadata('dom-aaaaaaaaaaaa') }, dryRun: request.mutation?.dryRun ?? false });
  const others: [string[], RegExp][] = [
    [['create-family', 'web'], /^dry run: family web would be created; nothing was stored\n$/],
    [['family', 'create', 'web'], /^dry run: family web would be created; nothing was stored\n$/],
    [['add-domain', 'web', 'local', 'local', 'small'], /^dry run: web would get a domain on local; nothing was stored\n$/],
  ];
  for (const [argv, stderr] of others) {
    t.match(await wo(...argv, '--dry-run'), { exit: 0, stdout: '', stderr }, argv.join(' '));
    t.match(JSON.parse((await wo(...argv, '--dry-run', '-o', 'json')).stdout), { dryRun: true }, `${argv.join(' ')} as JSON`);
    t.notOk((JSON.parse((await wo(...argv, '-o', 'json')).stdout) as { dryRun?: boolean }).dryRun, 'and only then');
  }
});

t.test('the schema is there without a coordinator', async (t) => {
  const ran = await runWo(undefined, ['release', 'schema']);
  t.equal(ran.exit, 0, ran.stderr);
  t.match(JSON.parse(ran.stdout), { $schema: String, properties: { apiVersion: { const: 'wombat/v1' } }, required: ['apiVersion'] });
});

t.test('all that is rendered is shown, and what is not final is said', async (t) => {
  const { fake, wo } = await setting(t);
  fake.handlers.renderNode = () => RenderNodeResponse.fromPartial({
    files: [{ path: 'etc/a.conf', content: 'key={{secret:KEY}}\n' }], environment: { LANG: 'C' }, start: ['bin/x', 'a b'], ready: { check: { $case: 'port', value: 'http' }, timeout: { seconds: 60n, nanos: 0 } },
    stopTimeout: { seconds: 30n, nanos: 0 }, ports: [{ name: 'http', number: 20_001, protocol: 'tcp' }], distributionPort: 20_002, limits: { openFiles: 9n }, runAs: 'web', needs: { diskBytes: 1_024n },
    paths: { '{{path:data}}': 'nodes/node-a/data' }, artifact: { sha256: 'ab', platform: { os: 'linux', arch: 'x64', libc: '' } }, provisional: 'cloud-1 is not up yet',
  });
  const ran = await wo('node', 'render', 'web-1');
  t.equal(ran.stderr, 'not final: cloud-1 is not up yet\n');
  t.equal(ran.stdout, [
    '--- etc/a.conf', 'key={{secret:KEY}}', '--- environment', 'LANG=C', '--- start', "bin/x 'a b'", '--- stop', 'init:stop (within 30.0s)', '--- ready', 'port http answers (within 1m00s)',
    '--- ports', 'http tcp:20001', 'Erlang distribution tcp:20002', '--- limits', 'open files 9', '--- run as', 'web', '--- needs', 'disk 1.0 KiB',
    '--- paths, below the directory of the agent', '{{path:data}} nodes/node-a/data', '--- artifact', 'sha256:ab  linux/x64', '',
  ].join('\n'));
});
