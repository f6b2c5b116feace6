import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { tarball } from '@wombat/proto/testing';
import { Manifest, type CreateReleaseRequest, type CreateReleaseResponse, type RemoveReleaseRequest, type RemoveReleaseResponse, type UploadArtifactRequest, type UploadArtifactResponse } from '@wombat/proto/control';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { FileBlobStore } from '../../releases/file-blob-store.js';
import { ReleaseBlobs } from '../../releases/release-blobs.js';
import type { Store } from '../../store/store.js';
import { clientStream, unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { familyRow, nodeRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put } from '../../testing/test-store.js';
import { releaseService } from './release-service.js';

const bytes = gzipSync(tarball([{ path: 'bin/run', contents: '#!/bin/sh\nexec sleep 1000\n', mode: 0o755 }, { path: 'etc/a.conf', contents: 'name={{node.name}}\n' }]));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const header = (fields: { sha256?: string; sizeBytes?: bigint } = {}): UploadArtifactRequest => ({ kind: { $case: 'header', value: { sha256, sizeBytes: BigInt(bytes.length), ...fields } } });
const data = (value: Uint8Array): UploadArtifactRequest => ({ kind: { $case: 'data', value: Buffer.from(value) } });
const manifest = (fields: Partial<Manifest> = {}): Manifest => ({ ...Manifest.decode(Buffer.alloc(0)), start: 'bin/run', ...fields });
const artifacts = [{ sha256, platform: undefined, sizeBytes: 0n }];

interface Setting {
  readonly store: Store;
  readonly blobs: FileBlobStore;
  upload(requests: readonly UploadArtifactRequest[]): Promise<UploadArtifactResponse>;
  create(request: Partial<CreateReleaseRequest>): Promise<CreateReleaseResponse>;
  remove(request: Partial<RemoveReleaseRequest>): Promise<RemoveReleaseResponse>;
}

async function setting(test: Test): Promise<Setting> {
  const clock = new ManualClock();
  const directory = test.testdir();
  const store = await openTestStore(test, clock, join(directory, 'wombat.db'));
  const blobs = new FileBlobStore(join(directory, 'blobs'));
  const service = releaseService({ store, ids: new CountingIds(), blobs, releaseBlobs: new ReleaseBlobs({ store, clock, blobs }) });
  return { store, blobs, upload: clientStream(service, 'uploadArtifact'), create: unary(service, 'createRelease'), remove: unary(service, 'removeRelease') };
}

void t.test('an artifact comes in pieces, and is stored once', async (test) => {
  const { blobs, upload } = await setting(test);
  test.match(await upload([header(), data(bytes.subarray(0, 50)), data(bytes.subarray(50))]), { sha256, existed: false, sizeBytes: BigInt(bytes.length) });
  test.equal(await blobs.size(sha256), bytes.length);
  test.match(await upload([header()]), { existed: true }, 'the second time nothing needs to be sent');
});

const wrong: readonly [what: string, requests: readonly UploadArtifactRequest[], code: string][] = [
  ['nothing at all', [], 'WO_INVALID_ARGUMENT'],
  ['no header', [data(bytes)], 'WO_INVALID_ARGUMENT'],
  ['an empty message', [{ kind: undefined }], 'WO_INVALID_ARGUMENT'],
  ['a sha256 that is a path', [header({ sha256: '../../etc/passwd' }), data(bytes)], 'WO_INVALID_ARGUMENT'],
  ['a sha256 in capitals', [header({ sha256: sha256.toUpperCase() }), data(bytes)], 'WO_INVALID_ARGUMENT'],
  ['two headers', [header(), header(), data(bytes)], 'WO_INVALID_ARGUMENT'],
  ['other bytes than announced', [header({ sha256: 'b'.repeat(64) }), data(bytes)], 'WO_ARTIFACT_CORRUPT'],
  ['fewer bytes', [header(), data(bytes.subarray(1))], 'WO_ARTIFACT_CORRUPT'],
  ['more bytes', [header(), data(bytes), data(bytes)], 'WO_ARTIFACT_CORRUPT'],
  ['more than anybody may send', [header({ sizeBytes: 2n ** 40n })], 'WO_ARTIFACT_TOO_LARGE'],
];
void t.test('uploads that are none', async (test) => {
  const { blobs, upload } = await setting(test);
  for (const [what, requests, code] of wrong) await test.rejects(upload(requests), { code }, what);
  test.equal(await blobs.size(sha256), undefined, 'nothing is left of them');
});

void t.test('a release: what it is made of, and the same one once', async (test) => {
  const { store, upload, create } = await setting(test);
  await upload([header(), data(bytes)]);
  const request = { name: 'sleeper', version: '1.0', manifest: manifest({ templates: ['etc/a.conf'] }), artifacts };
  const { release, existed } = await create(request);
  test.equal(existed, false);
  test.match(release, { metadata: { name: 'sleeper' }, version: '1.0', artifacts: [{ sha256, sizeBytes: BigInt(bytes.length) }] });
  const [stored] = await store.read.releases.find({});
  test.same(stored?.templateTexts, { 'etc/a.conf': 'name={{node.name}}\n' }, 'templates are kept: nodes are rendered without the tarball');
  const again = await create(request);
  test.match(again, { existed: true, release: { metadata: { id: release?.metadata?.id } } });
  const other = await create({ ...request, manifest: manifest({ start: 'bin/run slowly' }) });
  test.equal(other.existed, false, 'with another command it is another release');
  test.same(await eventsAfter(store), ['release.created sleeper created', 'release.created sleeper created']);
});

void t.test('two who upload the same at once get one release', async (test) => {
  const { store, upload, create } = await setting(test);
  await upload([header(), data(bytes)]);
  const answers = await Promise.all([1, 2, 3].map(() => create({ name: 'sleeper', manifest: manifest(), artifacts })));
  test.equal(await store.read.releases.count({}), 1);
  test.equal(new Set(answers.map(({ release }) => release?.metadata?.id)).size, 1);
  test.same(answers.map(({ existed }) => existed).sort(), [false, true, true]);
});

void t.test('a manifest file is read by the coordinator, what is said beside it wins, and all of it is answered', async (test) => {
  const { upload, create, blobs, store } = await setting(test);
  await upload([header(), data(bytes)]);
  const text = `apiVersion: wombat/v1
name: filed
version: "7"
start: bin/run --file
stop: bin/run
runAs: queue
limits: {openFiles: 9}
needs: {memory: 1MiB}
commands: [{name: again, argv: [bin/run, again]}]
ports: [{name: http}]
environment: {DIR: "{{node.dataDir}}/x"}
`;
  const request = { manifest: manifest({ start: '', stop: 'bin/run stop' }), artifacts: [{ ...artifacts[0]!, platform: { os: 'linux', arch: 'amd64', libc: '' } }], manifestFile: { name: 'm.yaml', text } };
  const trial = await create({ ...request, mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  test.match(trial, { dryRun: true, release: { version: '7' } }, 'a dry run says so');
  test.same([await store.read.releases.count({}), await blobs.size(sha256)], [0, undefined], 'and leaves neither a row nor the bytes');
  await upload([header(), data(bytes)]);
  const { release } = await create(request);
  test.match(release, {
    metadata: { name: 'filed' }, version: '7', artifacts: [{ platform: { os: 'linux', arch: 'x64', libc: '' } }],
    manifest: {
      start: 'bin/run --file', stop: 'bin/run stop', runAs: 'queue', limits: { openFiles: 9n, nice: 0 }, needs: { memoryBytes: 1_048_576n, diskBytes: 0n },
      commands: [{ name: 'again', argv: ['bin/run', 'again'] }], ports: [{ name: 'http', number: 0 }], dataDirectory: true,
    },
  });
});

const refused: readonly [what: string, request: Partial<CreateReleaseRequest>, expected: { code: string }][] = [
  ['no artifact', { name: 'x', manifest: manifest(), artifacts: [] }, { code: 'WO_INVALID_ARGUMENT' }],
  ['two artifacts of one platform', { name: 'x', manifest: manifest(), artifacts: [artifacts[0]!, artifacts[0]!] }, { code: 'WO_ARTIFACT_PLATFORM' }],
  ['a platform that is none', { name: 'x', manifest: manifest(), artifacts: [{ ...artifacts[0]!, platform: { os: 'linux', arch: 'z80', libc: '' } }] }, { code: 'WO_ARTIFACT_PLATFORM' }],
  ['a start command that does not exist', { name: 'x', manifest: manifest({ start: 'bin/rnu' }), artifacts }, { code: 'WO_MANIFEST_INVALID' }],
  ['a port that is none', { name: 'x', manifest: manifest({ ports: [{ name: 'http', protocol: 'tcp', number: 70_000 }] }), artifacts }, { code: 'WO_MANIFEST_INVALID' }],
  ['an unknown placeholder', { name: 'x', manifest: manifest({ start: 'bin/run {{node.nmae}}' }), artifacts }, { code: 'WO_TEMPLATE_INVALID' }],
  ['a manifest file with an unknown key', { name: 'x', artifacts, manifestFile: { name: 'm.yaml', text: 'apiVersion: wombat/v1\nstrat: bin/run\n' } }, { code: 'WO_MANIFEST_INVALID' }],
  ['a user that is none', { name: 'x', manifest: manifest({ runAs: 'a b' }), artifacts }, { code: 'WO_MANIFEST_INVALID' }],
  ['a command that does not exist', { name: 'x', manifest: manifest({ commands: [{ name: 'do', help: '', argv: ['bin/do'], arguments: [] }] }), artifacts }, { code: 'WO_MANIFEST_INVALID' }],
  ['an artifact that nobody has uploaded', { name: 'x', manifest: manifest(), artifacts: [{ ...artifacts[0]!, sha256: 'c'.repeat(64) }] }, { code: 'WO_NOT_FOUND' }],
  ['an artifact that is a path', { name: 'x', manifest: manifest(), artifacts: [{ ...artifacts[0]!, sha256: '../wombat.db' }] }, { code: 'WO_NOT_FOUND' }],
  ['a name that cannot be', { name: 'a\u0000b', manifest: manifest(), artifacts }, { code: 'WO_NAME_INVALID' }],
  ['a template that is not there', { name: 'x', manifest: manifest({ templates: ['etc/b.conf'] }), artifacts }, { code: 'WO_TEMPLATE_MISSING' }],
];
void t.test('releases that cannot be', async (test) => {
  for (const [what, request, expected] of refused) {
    await test.test(what, async (test) => {
      const { store, blobs, upload, create } = await setting(test);
      await upload([header(), data(bytes)]);
      await test.rejects(create(request), expected, what);
      const isNamed = request.artifacts?.some((artifact) => artifact.sha256 === sha256) ?? false;
      test.equal((await blobs.size(sha256)) === undefined, isNamed, 'the bytes that were refused are not kept');
      test.equal(await store.read.releases.count({}), 0, 'there is no row');
    });
  }
});

void t.test('a release of thousands of artifacts is refused before anything is looked at', async (test) => {
  const { blobs, create } = await setting(test);
  let deletions = 0;
  const deleteBlob = blobs.delete.bind(blobs);
  blobs.delete = (name) => (deletions++, deleteBlob(name));
  const many = Array.from({ length: 2_000 }, (_, index) => ({ ...artifacts[0]!, sha256: index.toString(16).padStart(64, '0') }));
  await test.rejects(create({ name: 'x', manifest: manifest(), artifacts: many }), { code: 'WO_INVALID_ARGUMENT', message: /32 artifacts at most/ });
  test.equal(deletions, 0, 'no blob was searched for');
});

void t.test('of two who make releases of the same bytes, the one that is refused takes nothing from the other', async (test) => {
  const { blobs, upload, create } = await setting(test);
  await upload([header(), data(bytes)]);
  const refusedOne = test.rejects(create({ name: 'x', manifest: manifest({ templates: ['etc/b.conf'] }), artifacts }), { code: 'WO_TEMPLATE_MISSING' });
  await Promise.all([refusedOne, create({ name: 'sleeper', manifest: manifest(), artifacts })]);
  test.equal(await blobs.size(sha256), bytes.length);
  await create({ name: 'tried', manifest: manifest({ start: 'bin/run now' }), artifacts, mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  test.equal(await blobs.size(sha256), bytes.length, 'nor does a dry run');
});

void t.test('a release in use stays; the bytes go with the last release that has them', async (test) => {
  const { store, blobs, upload, create, remove } = await setting(test);
  await upload([header(), data(bytes)]);
  const [first, second] = [await create({ name: 'a', manifest: manifest(), artifacts }), await create({ name: 'b', manifest: manifest(), artifacts })];
  const firstId = first.release!.metadata!.id;
  await put(store, 'families', familyRow({}, { releaseId: firstId }));
  await put(store, 'nodes', nodeRow(familyRow().id, 1, { releaseId: firstId }));
  await test.rejects(remove({ release: 'a' }), { code: 'WO_IN_USE', message: /attached to family family 900/ });
  await change(store, 'families', familyRow().id, { spec: familyRow().spec });
  await test.rejects(remove({ release: 'a' }), { code: 'WO_IN_USE', message: /run by node web-1/ });
  await change(store, 'nodes', idNumber('node', 1), { phase: 'gone' });
  await remove({ release: 'a', mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  await remove({ release: 'a' });
  test.equal(await blobs.size(sha256), bytes.length, 'the other release has the same bytes');
  await remove({ release: second.release!.metadata!.id });
  test.equal(await blobs.size(sha256), undefined, 'now nobody has');
  await test.rejects(remove({ release: 'b' }), { code: 'WO_NOT_FOUND', hint: /wo release list/ });
});
