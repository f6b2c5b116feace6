import { createHash } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Outcome } from '@wombat/proto/agent';
import type { CreateJobRequest, CreateJobResponse, GetJobRequest, GetJobResponse, RerunJobRequest, RerunJobResponse, UploadFileRequest, UploadFileResponse } from '@wombat/proto/control';
import type { PutFile } from '@wombat/proto/types';
import { JobService } from '../../engine/jobs/job-service.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { FileBlobStore } from '../../releases/file-blob-store.js';
import { ReleaseBlobs } from '../../releases/release-blobs.js';
import { clientStream, unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet, outcomeOf } from '../../testing/fake-fleet.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { LogBook } from '../../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../../testing/rows.js';
import { openTestStore, put } from '../../testing/test-store.js';
import { fileService } from './file-service.js';
import { jobApiService } from './job-service.js';
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
  const jobService = jobApiService({ store, jobs, files });
  return {
    clock, fleet, jobs, blobs,
    /** Its file tells the time of the machine, not that of the test. */
    storedLongAgo: () => utimes(join(directory, 'blobs', sha256), 0, 0),
    upload: clientStream<UploadFileRequest, UploadFileResponse>(fileService({ files }), 'uploadFile'),
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
