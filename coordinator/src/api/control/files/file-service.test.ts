import { createHash } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import type { CreateJobRequest, CreateJobResponse, GetJobRequest, GetJobResponse, PullFilesRequest, PullFilesResponse, RerunJobRequest, RerunJobResponse, UploadFileRequest, UploadFileResponse } from '@wombat/proto/control';
import { FilePart, type PutFile } from '@wombat/proto/types';
import { JobService } from '../../../engine/jobs/job-service.js';
import { ManualClock } from '../../../fleet/testing/manual-clock.js';
import { FileBlobStore } from '../../../releases/file-blob-store.js';
import { ReleaseBlobs } from '../../../releases/release-blobs.js';
import { clientStream, serverStream, unary } from '../../../testing/calls.js';
import { CountingIds, idNumber } from '../../../testing/counting-ids.js';
import { FakeFleet, outcomeOf } from '../../../testing/fake-fleet.js';
import { fakeSecrets } from '../../../testing/fake-secrets.js';
import { LogBook } from '../../../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../../../testing/rows.js';
import { openTestStore, put } from '../../../testing/test-store.js';
import { fileService } from './file-service.js';
import { jobApiService } from '../job-service.js';
import { PushedFiles } from './pushed-files.js';

const content = Buffer.from('what is pushed\n');
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sha256 = digestOf(content);
const hourMs = 3600_000;

function uploadOf(bytes: Uint8Array): UploadFileRequest[] {
  const header = { sha256: digestOf(bytes), sizeBytes: BigInt(bytes.length) };
  return [{ kind: { $case: 'header', value: header } }, { kind: { $case: 'data', value: Buffer.from(bytes) } }];
}

function push(changes: Partial<PutFile> = {}): Partial<CreateJobRequest> {
  return { expression: 'web', action: { kind: { $case: 'putFile', value: { sha256, sizeBytes: BigInt(content.length), path: 'etc/x', mode: 0o644, user: '', ...changes } } } };
}

async function setting(test: Test) {
  const clock = new ManualClock();
  const directory = test.testdir();
  const store = await openTestStore(test, clock, join(directory, 'wombat.db'));
  await put(store, 'families', familyRow({ name: 'web' }));
  await put(store, 'hosts', hostRow(1));
  await put(store, 'nodes', nodeRow(familyRow().id, 1, { hostId: idNumber('host', 1) }));
  const fleet = new FakeFleet();
  fleet.connect(idNumber('host', 1));
  const jobs = new JobService({ store, fleet, clock, ids: new CountingIds(), secrets: fakeSecrets, log: new LogBook(), gathersHosts: () => false });
  const blobs = new FileBlobStore(join(directory, 'blobs'));
  const files = new PushedFiles({ blobs, releaseBlobs: new ReleaseBlobs({ store, clock, blobs }), maximumBytes: 1_000 });
  const service = fileService({ store, fleet, clock, maximumBytes: 1_000, files });
  const jobService = jobApiService({ store, jobs, files });
  return {
    clock, fleet, jobs, blobs,
    /** Its file tells the time of the machine, not that of the test. */
    storedLongAgo: () => utimes(join(directory, 'blobs', sha256), 0, 0),
    upload: clientStream<UploadFileRequest, UploadFileResponse>(service, 'uploadFile'),
    pull: serverStream<PullFilesRequest, PullFilesResponse>(service, 'pullFiles'),
    create: unary<CreateJobRequest, CreateJobResponse>(jobService, 'createJob'),
    get: unary<GetJobRequest, GetJobResponse>(jobService, 'getJob'),
    rerun: unary<RerunJobRequest, RerunJobResponse>(jobService, 'rerunJob'),
  };
}

void t.test('a file is kept while a job puts it on its targets, and for an hour besides', async (test) => {
  const { clock, fleet, jobs, blobs, storedLongAgo, upload, create, get, rerun } = await setting(test);
  test.match(await upload(uploadOf(content)), { sha256, sizeBytes: BigInt(content.length), existed: false });
  await storedLongAgo();
  const { job } = await create(push());
  const reference = job!.metadata!.id;
  test.match((await get({ job: reference })).job?.action, { kind: { $case: 'putFile', value: { sha256, path: 'etc/x', mode: 0o644 } } });
  test.equal(fleet.execs.length, 1, 'it is sent as any command');
  clock.advance(2 * hourMs);
  await upload(uploadOf(Buffer.from('another')));
  test.equal(await blobs.size(sha256), content.length, 'the job still needs it');
  await jobs.outcomes(fleet.execs[0]!.hostId, [{ ...outcomeOf(fleet.execs[0]!), outcome: Outcome.OK }]);
  test.match((await rerun({ job: reference })).job?.targetCount, 1, 'it may be put there again');
  await jobs.outcomes(fleet.execs[1]!.hostId, [{ ...outcomeOf(fleet.execs[1]!), outcome: Outcome.OK }]);
  clock.advance(2 * hourMs);
  await upload(uploadOf(Buffer.from('one more')));
  test.equal(await blobs.size(sha256), undefined, 'nobody needs it any more');
  await test.rejects(rerun({ job: reference }), { code: 'WO_NOT_FOUND', message: /not kept any more/ });
  test.equal(fleet.execs.length, 2);
});

void t.test('what cannot be put anywhere is refused before anything is sent', async (test) => {
  const { fleet, upload, create } = await setting(test);
  await test.rejects(create(push()), { code: 'WO_NOT_FOUND', message: /not uploaded/ });
  await test.rejects(upload(uploadOf(Buffer.alloc(1_001))), { code: 'WO_FILE_TOO_LARGE', message: /1,?001|1001|1000/ });
  await upload(uploadOf(content));
  const wrong: [Partial<PutFile>, string][] = [
    [{ sha256: '../x' }, 'WO_INVALID_ARGUMENT'], [{ sizeBytes: 3n }, 'WO_NOT_FOUND'], [{ sizeBytes: 1_001n }, 'WO_FILE_TOO_LARGE'], [{ path: '' }, 'WO_INVALID_ARGUMENT'],
    [{ path: 'a\0b' }, 'WO_INVALID_ARGUMENT'], [{ path: 'x'.repeat(5_000) }, 'WO_INVALID_ARGUMENT'], [{ mode: 0o1777 }, 'WO_INVALID_ARGUMENT'], [{ user: 'a b' }, 'WO_INVALID_ARGUMENT'],
  ];
  for (const [changes, code] of wrong) await test.rejects(create(push(changes)), { code }, JSON.stringify(Object.keys(changes)));
  test.equal(fleet.execs.length, 0);
});

/** An agent that sends these parts, and then fails or ends. */
function agentSends(fleet: FakeFleet, parts: readonly FilePart['kind'][], error?: Error): void {
  fleet.channel = async function* () {
    for (const kind of parts) yield { offset: 0n, lostBytes: 0n, log: undefined, data: Buffer.from(FilePart.encode({ kind }).finish()) };
    if (error) throw error;
  };
}

const begun = (path: string): FilePart['kind'] => ({ $case: 'begun', value: { path, mode: 0o600, sizeBytes: 3n } });
const dataPart: FilePart['kind'] = { $case: 'data', value: Buffer.from('abc') };
const end: FilePart['kind'] = { $case: 'sha256', value: Buffer.from('digest') };
const over: FilePart['kind'] = { $case: 'leftOut', value: 0 };

async function pulled(answers: AsyncIterable<PullFilesResponse>): Promise<string[]> {
  const seen: string[] = [];
  for await (const { kind } of answers) {
    if (kind?.$case === 'begun') seen.push(`begun ${kind.value.targetCount}`);
    if (kind?.$case === 'part') seen.push(kind.value.part?.kind?.$case ?? 'nothing');
    if (kind?.$case === 'target') seen.push(`${kind.value.targetName} ${Outcome[kind.value.outcome]} ${kind.value.error?.code ?? ''}`.trim());
  }
  return seen;
}

void t.test('files of targets are passed on as they come, and each target has an outcome', async (test) => {
  const { fleet, pull } = await setting(test);
  agentSends(fleet, [begun('a/b'), dataPart, end, over]);
  test.same(await pulled(pull({ expression: 'web', path: 'log' })), ['begun 1', 'begun', 'data', 'sha256', 'leftOut', 'web-1 OK']);
  test.match(fleet.opened.at(-1), { hostId: idNumber('host', 1), purpose: { $case: 'readFiles', value: { path: 'log', mostBytes: 1_000n } } });
  test.same(await pulled(pull({ expression: 'web', path: 'log', exceptTargetIds: [idNumber('node', 1)] })), ['begun 1'], 'not those that were had before');
  agentSends(fleet, [], new WombatError('WO_EXEC_REJECTED', 'no'));
  test.same(await pulled(pull({ expression: 'web', path: 'log' })), ['begun 1', 'web-1 REJECTED WO_EXEC_REJECTED']);
  agentSends(fleet, [begun('a')], new WombatError('WO_HOST_UNREACHABLE', 'lost'));
  test.same(await pulled(pull({ expression: 'web', path: 'log' })), ['begun 1', 'begun', 'web-1 LOST_DURING_RUN WO_HOST_UNREACHABLE']);
  fleet.connected.clear();
  test.same(await pulled(pull({ expression: 'web', path: 'log' })), ['begun 1', 'web-1 UNREACHABLE_BEFORE_SEND WO_HOST_UNREACHABLE']);
  for (const path of ['', 'a\0b', 'x'.repeat(5_000)]) await test.rejects(pulled(pull({ expression: 'web', path })), { code: 'WO_INVALID_ARGUMENT' });
  await test.rejects(pulled(pull({ expression: 'nobody', path: 'log' })), { code: 'WO_NOT_FOUND' });
});

void t.test('what no honest agent sends is passed on to nobody', async (test) => {
  const { fleet, pull } = await setting(test);
  const large: FilePart['kind'] = { $case: 'data', value: Buffer.alloc(600) };
  const hostile: readonly (readonly FilePart['kind'][])[] = [
    [begun('../x')], [begun('/etc/x')], [begun('a/../../x')], [begun('')], [begun('a\0b')], [dataPart], [end], [undefined], [begun('a'), begun('b')], [begun('a'), over], [over, begun('a')], [begun('a'), large, large],
  ];
  const cutShort: typeof hostile = [[], [begun('a')], [begun('a'), dataPart, end]];
  for (const parts of [...hostile, ...cutShort]) {
    agentSends(fleet, parts);
    const seen = await pulled(pull({ expression: 'web', path: 'log' }));
    test.equal(seen.at(-1), 'web-1 FAILED WO_INTERNAL', JSON.stringify(parts.map((part) => part?.$case)));
    if (!cutShort.includes(parts)) test.ok(seen.length <= parts.length + 1, 'the last part was held back');
  }
});
