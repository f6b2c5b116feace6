import t, { type Test } from 'tap';
import { durationFromMs } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { JobState, type CancelJobRequest, type CancelJobResponse, type CreateJobRequest, type CreateJobResponse, type GetJobRequest, type GetJobResponse, type ListJobsRequest, type ListJobsResponse, type MatchTargetsRequest, type MatchTargetsResponse, type RerunJobRequest, type RerunJobResponse, type ResumeJobRequest, type ResumeJobResponse, HoldReason, TargetKind, type WatchJobRequest, type WatchJobResponse } from '@wombat/proto/control';
import { CommandSettings, type Action, type Command, type IoPriority } from '@wombat/proto/types';
import { JobService } from '../../engine/jobs/job-service.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import { serverStream, unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet, outcomeOf, type SentExec } from '../../testing/fake-fleet.js';
import { LogBook } from '../../testing/log-book.js';
import { familyRow, hostRow, manifestOf, nodeRow, releaseRow } from '../../testing/rows.js';
import { change, openTestStore, put } from '../../testing/test-store.js';
import { jobApiService } from './job-service.js';

const action = { kind: { $case: 'command' as const, value: { argv: ['hostname'], environment: {}, settings: undefined } } };
const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };

async function setting(test: Test, nodes = 2) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'families', familyRow({ name: 'web' }));
  await put(store, 'hosts', hostRow(1), hostRow(2));
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  await put(store, 'nodes', ...numbers.map((number) => nodeRow(familyRow().id, number, { hostId: idNumber('host', (number % 2) + 1) })));
  const fleet = new FakeFleet();
  fleet.connect(idNumber('host', 1), idNumber('host', 2));
  const jobs = new JobService({ store, fleet, clock, ids: new CountingIds(), secrets: fakeSecrets, log: new LogBook(), gathersHosts: () => false });
  const service = jobApiService({ store, jobs, files: { keepFor: async () => undefined } });
  return {
    store, fleet, jobs,
    create: unary<CreateJobRequest, CreateJobResponse>(service, 'createJob'),
    list: unary<ListJobsRequest, ListJobsResponse>(service, 'listJobs'),
    get: unary<GetJobRequest, GetJobResponse>(service, 'getJob'),
    rerun: unary<RerunJobRequest, RerunJobResponse>(service, 'rerunJob'),
    cancel: unary<CancelJobRequest, CancelJobResponse>(service, 'cancelJob'),
    resume: unary<ResumeJobRequest, ResumeJobResponse>(service, 'resumeJob'),
    match: serverStream<MatchTargetsRequest, MatchTargetsResponse>(service, 'matchTargets'),
    watch: serverStream<WatchJobRequest, WatchJobResponse>(service, 'watchJob'),
    answer: (exec: SentExec, exitCode = 0, stdout = '') => jobs.outcomes(exec.hostId, [outcomeOf(exec, exitCode, stdout)]),
  };
}

async function all<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const answer of answers) list.push(answer);
  return list;
}

async function watched(answers: AsyncIterable<WatchJobResponse>, into: string[] = []): Promise<string[]> {
  for await (const { kind } of answers) {
    if (kind?.$case === 'target') into.push(`${kind.value.targetName} ${Outcome[kind.value.outcome]} ${kind.value.stdout.toString()}`.trim());
    if (kind?.$case === 'job') into.push(`${JobState[kind.value.state]} ${JSON.stringify(kind.value.outcomes)}`);
  }
  return into;
}

void t.test('a command is asked for, watched and counted', async (test) => {
  const { fleet, create, get, watch, answer } = await setting(test);
  const { job } = await create({ expression: 'web', action });
  const seen: string[] = [];
  const watching = watched(watch({ job: job!.metadata!.id }), seen);
  await settle();
  test.same(seen, ['RUNNING {}'], 'nothing has come yet');
  const [one, two] = fleet.execs as [SentExec, SentExec];
  await answer(two, 3);
  while (seen.length < 2) await settle(1);
  test.same(seen.slice(1), ['web-2 FAILED'], 'an outcome is told when it comes');
  await answer(one, 0, 'alpha');
  test.same(await watching, ['RUNNING {}', 'web-2 FAILED', 'web-1 OK alpha', 'FINISHED {"failed":1,"ok":1}']);
  test.same(await watched(watch({ job: job!.metadata!.id })), ['web-1 OK alpha', 'web-2 FAILED', 'FINISHED {"ok":1,"failed":1}'], 'and again for who comes later');
  test.match(await get({ job: job!.metadata!.id }), { job: { targetCount: 2, outcomes: { ok: 1, failed: 1 } }, targets: [{ outcome: Outcome.OK, exit: { kind: { $case: 'code', value: 0 } } }, { outcome: Outcome.FAILED }] });
});

void t.test('targets come in pages, which large outputs end early, or one alone; the list counts without reading them', async (test) => {
  const { store, create, get, list, answer, fleet } = await setting(test, 25);
  const { job } = await create({ expression: 'web', action });
  const megabyte = 'x'.repeat(1024 * 1024);
  for (const [index, exec] of fleet.execs.entries()) await answer(exec, index === 3 ? 7 : 0, index < 15 ? megabyte : '');
  const reference = job!.metadata!.id;
  const pages: number[] = [];
  const names = new Set<string>();
  let pageToken = '';
  do {
    const page = await get({ job: reference, page: { pageSize: 0, pageToken, filter: '', orderBy: '' } });
    pages.push(page.targets.length);
    for (const target of page.targets) names.add(target.targetName);
    test.ok(page.targets.every(({ stdoutLostBytes }) => stdoutLostBytes === 0n), 'no output is left out');
    pageToken = page.page!.nextPageToken;
  } while (pageToken !== '');
  test.same([names.size, pages], [25, [20, 5]], 'every target once, in two pages');
  test.match(await get({ job: reference, page: { pageSize: 0, pageToken: '', filter: 'outcome=failed', orderBy: '' } }), { targets: [{ outcome: Outcome.FAILED }], page: { nextPageToken: '' } }, 'only those that failed');
  const failed = fleet.execs[3]!.targetId;
  const { name = '' } = (await store.read.nodes.get(failed)) ?? {};
  for (const target of [failed, name]) test.match(await get({ job: reference, target }), { targets: [{ targetId: failed }], page: { nextPageToken: '' } }, `one target: ${target}`);
  await test.rejects(get({ job: reference, target: 'nobody' }), { code: 'WO_NOT_FOUND' });
  await test.rejects(get({ job: reference, target: 'node-' }), { code: 'WO_AMBIGUOUS' });
  const page = { pageSize: 10, pageToken: '', filter: '', orderBy: 'name desc' };
  const last = await get({ job: reference, page });
  const before = await get({ job: reference, page: { ...page, pageToken: last.page!.nextPageToken } });
  const numbers = [...last.targets, ...before.targets].map(({ targetName }) => Number(/\d+/.exec(targetName)?.[0]));
  test.same(numbers, [...numbers].sort((left, right) => right - left), 'by name, from the last one');
  test.equal(new Set(numbers).size, 20);
  await test.rejects(get({ job: reference, page: { ...page, pageToken: 'made up' } }), { code: 'WO_INVALID_ARGUMENT' });
  store.read.jobTargets.find = () => Promise.reject(new Error('targets were read'));
  test.match((await list({})).jobs, [{ targetCount: 25, outcomes: { ok: 24, failed: 1 } }], 'the list');
});

void t.test('who asks for groups gets what came in one moment together, large outputs in several', async (test) => {
  const { fleet, create, watch, answer } = await setting(test, 5);
  const { job } = await create({ expression: 'web', action });
  const sizes: number[] = [];
  const watching = (async () => {
    for await (const { kind } of watch({ job: job!.metadata!.id, grouped: true })) {
      if (kind?.$case === 'target') test.fail('a target alone');
      if (kind?.$case === 'targets') sizes.push(kind.value.targets.length);
    }
  })();
  await settle();
  await Promise.all(fleet.execs.map((exec, index) => answer(exec, 0, index < 3 ? 'x'.repeat(400 * 1024) : '')));
  await watching;
  test.same(sizes, [1, 1, 3], 'a megabyte of output in one answer');
});

void t.test('a watcher that reads slowly holds no outputs in memory and misses none', async (test) => {
  const { fleet, store, create, watch, answer } = await setting(test, 8);
  const { job } = await create({ expression: 'web', action });
  const watching = watch({ job: job!.metadata!.id })[Symbol.asyncIterator]();
  await watching.next();
  await answer(fleet.execs[0]!, 0, 'first');
  const first = await watching.next();
  const many = store.read.jobTargets.many.bind(store.read.jobTargets);
  let read = 0;
  store.read.jobTargets.many = async (ids) => ((read += ids.length), many(ids));
  for (const exec of fleet.execs.slice(1)) await answer(exec, 0, 'x'.repeat(1024 * 1024));
  const names = [first.value as WatchJobResponse];
  for (let next = await watching.next(); !next.done; next = await watching.next()) names.push(next.value);
  const told = names.flatMap(({ kind }) => (kind?.$case === 'target' ? [`${kind.value.targetName} ${kind.value.stdout.length}`] : []));
  test.same(told.sort(), Array.from({ length: 8 }, (_, index) => `web-${index + 1} ${index === 0 ? 5 : 1024 * 1024}`), 'each once, whole');
  test.equal(read, 7, 'what it had not taken was read when it came back');
});

void t.test('what a command writes is told while it runs, to who asks for it and from its own host alone', async (test) => {
  const { fleet, jobs, create, watch, answer } = await setting(test);
  const { job } = await create({ expression: 'web', action, live: true });
  const [one, two] = fleet.execs as [SentExec, SentExec];
  test.ok(one.job.live, 'the agents know');
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { kind } of watch({ job: job!.metadata!.id, live: true })) {
      if (kind?.$case === 'output') seen.push(`${kind.value.targetName} ${kind.value.stderr ? 'err' : 'out'} ${kind.value.offset} ${kind.value.data.toString()}`);
      if (kind?.$case === 'target') seen.push(`${kind.value.targetName} ended`);
    }
  })();
  await settle();
  const quiet = watched(watch({ job: job!.metadata!.id }));
  const tell = (hostId: string, exec: SentExec, offset: number, text: string, stderr = false): void =>
    jobs.live.tell(hostId, { jobId: exec.job.jobId, targetId: exec.targetId, stderr, offset: BigInt(offset), data: Buffer.from(text) });
  tell(one.hostId, one, 0, 'alpha');
  tell(two.hostId, one, 5, 'forged');
  tell(one.hostId, one, 0, 'oops', true);
  while (seen.length < 2) await settle(1);
  await answer(one, 0, 'alphabeta');
  while (seen.length < 3) await settle(1);
  tell(one.hostId, one, 5, 'late');
  await answer(two);
  await watching;
  test.same(seen, ['web-1 out 0 alpha', 'web-1 err 0 oops', 'web-1 ended', 'web-2 ended']);
  test.same((await quiet).slice(1), ['web-1 OK alphabeta', 'web-2 OK', 'FINISHED {"ok":2}'], 'others hear of outcomes only');
  const other = await create({ expression: 'web', action });
  test.equal(fleet.execs.at(-1)!.job.live, false, `${other.job!.metadata!.id} was not made for it`);
});

void t.test('other jobs are not told of', async (test) => {
  const { fleet, create, watch, answer } = await setting(test);
  const first = await create({ expression: 'web', action });
  await create({ expression: 'web-1', action });
  const watching = watched(watch({ job: first.job!.metadata!.id }));
  await settle();
  const [one, two, other] = fleet.execs as [SentExec, SentExec, SentExec];
  for (const exec of [other, one, two]) await answer(exec);
  test.same(await watching, ['RUNNING {}', 'web-1 OK', 'web-2 OK', 'FINISHED {"ok":2}']);
});

void t.test('a watcher that leaves ends at once', async (test) => {
  const { create, watch } = await setting(test);
  const { job } = await create({ expression: 'web', action });
  const stop = new AbortController();
  const watching = watched(watch({ job: job!.metadata!.id }, stop.signal));
  await settle();
  stop.abort();
  test.same(await watching, ['RUNNING {}']);
});

void t.test('a dry run runs nothing', async (test) => {
  const { store, fleet, create, cancel } = await setting(test);
  const planned = await create({ expression: 'web', action, mutation: dryRun });
  test.match(planned.job, { targetCount: 2, state: JobState.RUNNING });
  test.equal(await store.read.jobs.count({}), 0);
  test.equal(fleet.execs.length, 0, 'no command went out');
  const { job } = await create({ expression: 'web', action });
  await cancel({ job: job!.metadata!.id, mutation: dryRun });
  test.equal(fleet.cancelled.length, 0, 'nor is one ended');
  await cancel({ job: job!.metadata!.id });
  test.equal(fleet.cancelled.length, 2);
});

function commandWith(changes: Partial<Command>, settings: Partial<CommandSettings> = {}): Action {
  return { kind: { $case: 'command', value: { argv: ['x'], environment: {}, settings: CommandSettings.fromPartial(settings), ...changes } } };
}

void t.test('what an expression matches is told and counted, and nothing is stored', async (test) => {
  const { store, match } = await setting(test, 3);
  test.match(await all(match({ expression: 'node.ordinal>=2   and family = web' })), [
    { kind: { value: { targets: [{ name: 'web-2', phase: 'running', hostName: 'cloud-1', familyName: 'web' }, { name: 'web-3', hostName: 'cloud-2' }] } } },
    { kind: { value: { expression: 'node.ordinal >= 2 and family = web', targetCount: 2, skippedCount: 0, families: { web: 2 }, phases: { running: 2 } } } },
  ]);
  test.match(await all(match({ expression: 'family = web', on: TargetKind.HOSTS })), [{ kind: { value: { targets: [{ name: 'cloud-1' }, { name: 'cloud-2' }] } } }, {}], 'hosts with nodes of the family');
  test.match(await all(match({ expression: 'zone = moon' })), [{ kind: { $case: 'summary', value: { targetCount: 0 } } }], 'none is an answer');
  test.equal(await store.read.jobs.count({}), 0);
});

void t.test('a job for an expression keeps it as it was understood, and its targets', async (test) => {
  const { fleet, create, get } = await setting(test, 3);
  const { job } = await create({ expression: 'node in (web-1,web-3)', action });
  test.match(job, { expression: 'node in (web-1, web-3)', targetCount: 2, on: TargetKind.UNSPECIFIED });
  test.equal(fleet.execs.length, 2);
  const onHosts = (await create({ expression: 'web-3', on: TargetKind.HOSTS, action })).job!;
  test.match(onHosts, { expression: 'web-3', targetCount: 1, on: TargetKind.HOSTS });
  test.match((await get({ job: onHosts.metadata!.id })).targets, [{ targetName: 'cloud-2' }], 'the host of the node that was named');
});

void t.test('a sample of the targets, which its seed gives again', async (test) => {
  const { create, get, match } = await setting(test, 20);
  const names = async (id: string): Promise<string[]> => (await get({ job: id })).targets.map(({ targetName }) => targetName);
  const { job } = await create({ expression: 'web', action, sample: { share: { kind: { $case: 'percent', value: 25 } }, seed: '', of: 0 } });
  test.match(job, { targetCount: 5, sample: { share: { kind: { $case: 'percent', value: 25 } }, seed: /^[0-9a-f]{8}$/, of: 20 } }, 'a seed was made up');
  const again = await create({ expression: 'family = web', action, sample: job!.sample! });
  test.same(await names(again.job!.metadata!.id), await names(job!.metadata!.id));
  test.match((await all(match({ expression: 'web', sample: job!.sample! }))).at(-1), { kind: { value: { targetCount: 5 } } }, 'and can be looked at before');
});

void t.test('a job is run again where it was not ok', async (test) => {
  const { store, fleet, create, rerun, get, answer } = await setting(test, 4);
  await change(store, 'nodes', idNumber('node', 4), { phase: 'stopped' });
  const first = (await create({ expression: 'family = web', action, timeout: durationFromMs(7_000) })).job!.metadata!.id;
  await test.rejects(rerun({ job: first, failedOnly: true }), { code: 'WO_CONFLICT', message: /still runs/, hint: /wo job watch/ });
  for (const exec of fleet.execs) await answer(exec, exec.targetId === idNumber('node', 2) ? 3 : 0);
  await change(store, 'nodes', idNumber('node', 2), { hostId: idNumber('host', 2) });
  await change(store, 'nodes', idNumber('node', 4), { phase: 'running' });
  const { job } = await rerun({ job: first, failedOnly: true });
  test.match(job, { expression: 'family = web', rerunOf: first, targetCount: 2, timeout: { seconds: 7n }, state: JobState.RUNNING, action: { kind: { value: { argv: ['hostname'] } } } });
  test.same((await get({ job: job!.metadata!.id })).targets.map(({ targetName, hostId }) => [targetName, hostId]), [['web-2', idNumber('host', 2)], ['web-4', idNumber('host', 1)]], 'on the host that the node has now');
  for (const exec of fleet.execs.slice(3)) await answer(exec);
  await test.rejects(rerun({ job: job!.metadata!.id, failedOnly: true }), { code: 'WO_NO_TARGETS', message: /was ok/ });
  test.match((await rerun({ job: first, mutation: dryRun })).job, { targetCount: 4 }, 'without failedOnly it is for all');
  test.equal(await store.read.jobs.count({}), 2, 'and that was a dry run');
});

const refused: readonly [what: string, request: Partial<CreateJobRequest>, expected: { code: string; message?: RegExp }][] = [
  ['no action', { expression: 'web' }, { code: 'WO_INVALID_ARGUMENT' }],
  ['an action of no kind', { expression: 'web', action: { kind: undefined } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['an empty command', { expression: 'web', action: { kind: { $case: 'command', value: { argv: [], environment: {}, settings: undefined } } } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a zero byte in an argument', { expression: 'web', action: commandWith({ argv: ['a\0b'] }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a variable that is none', { expression: 'web', action: commandWith({ environment: { 'A B': '1' } }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a variable of Wombat', { expression: 'web', action: commandWith({}, { secrets: { WOMBAT_START_ID: 'x' } }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['no name of a user', { expression: 'web', action: commandWith({}, { user: '--root' }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['no path', { expression: 'web', action: commandWith({}, { workingDirectory: 'a\0' }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['too long from TERM to KILL', { expression: 'web', action: commandWith({}, { killAfter: durationFromMs(10_001) }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['too nice', { expression: 'web', action: commandWith({}, { nice: 20 }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a priority that is not known', { expression: 'web', action: commandWith({}, { ioPriority: 9 as IoPriority }) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['more input than fits', { expression: 'web', action: commandWith({}, { stdin: Buffer.alloc(65_600) }) }, { code: 'WO_INVALID_ARGUMENT', message: /65600 of its input/ }],
  ['a sample of nothing', { expression: 'web', action, sample: { share: { kind: { $case: 'number', value: 0 } }, seed: '', of: 0 } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a sample of more than all', { expression: 'web', action, sample: { share: { kind: { $case: 'percent', value: 101 } }, seed: '', of: 0 } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a sample of what is no number', { expression: 'web', action, sample: { share: { kind: { $case: 'percent', value: Number.NaN } }, seed: '', of: 0 } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a sample of no size', { expression: 'web', action, sample: { share: undefined, seed: '', of: 0 } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['less than no time', { expression: 'web', action, timeout: durationFromMs(-5) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['no target', { expression: 'wbe', action }, { code: 'WO_NOT_FOUND' }],
  ['no expression', { expression: 'family =', action }, { code: 'WO_EXPRESSION_INVALID' }],
  ['a kind of target from the future', { expression: 'web', on: 77 as TargetKind, action }, { code: 'WO_INVALID_ARGUMENT' }],
];
void t.test('what a command is given in secret goes out and is never told', async (test) => {
  const { store, fleet, create, rerun, answer } = await setting(test);
  const { job } = await create({ expression: 'web', action: commandWith({}, { secrets: { TOKEN: 'canary-1' }, stdin: Buffer.from('canary-2') }) });
  test.match(job?.action, { kind: { value: { settings: { secrets: { TOKEN: '' }, stdin: Buffer.alloc(0) } } } }, 'names alone are read');
  const sent = fleet.execs[0]!.job.action;
  test.match(sent, { kind: { value: { settings: { secrets: { TOKEN: 'canary-1' }, stdin: Buffer.from('canary-2') } } } }, 'agents have it');
  test.match((await store.read.jobs.find({}))[0]?.action, { sealed: /^sealed:job-/ }, 'the store has it sealed');
  for (const exec of [...fleet.execs]) await answer(exec, 1);
  const again = await rerun({ job: job!.metadata!.id, failedOnly: true });
  test.match(again.job?.action, { kind: { value: { settings: { secrets: { TOKEN: '' } } } } }, 'nor is it told of a rerun');
  test.match(fleet.execs.at(-1)!.job.action, { kind: { value: { settings: { secrets: { TOKEN: 'canary-1' } } } } }, 'which has it as well');
});

void t.test('a command of releases is told as it was asked for, and looked up anew when it is run again', async (test) => {
  const { store, fleet, create, rerun, get, answer } = await setting(test, 1);
  const declared = (program: string) => ({ ...manifestOf(), commands: [{ name: 'save', help: '', argv: [program], arguments: [{ name: 'to', type: 'string' as const, help: '', required: false }] }] });
  await put(store, 'releases', releaseRow({ manifest: declared('bin/save') }), releaseRow({ id: idNumber('rel', 901), version: '2.0', manifest: declared('bin/keep') }));
  const releaseCommand = { name: 'save', arguments: ['--to=a b'] };
  const argv = (): unknown => fleet.execs.at(-1)?.job.action?.kind?.value;
  const { job } = await create({ expression: 'web', releaseCommand });
  test.match(job, { releaseCommand, action: { kind: undefined } });
  test.match(argv(), { argv: ['bin/save', 'a b'], settings: { literalArgv: true } });
  await answer(fleet.execs[0]!);
  await change(store, 'nodes', idNumber('node', 1), { releaseId: idNumber('rel', 901) });
  const again = await rerun({ job: job!.metadata!.id });
  test.match(argv(), { argv: ['bin/keep', 'a b'] }, 'it is what the release of now means by it');
  test.match((await get({ job: again.job!.metadata!.id })).job, { releaseCommand, rerunOf: job!.metadata!.id });
  await test.rejects(create({ expression: 'web', releaseCommand, action }), { code: 'WO_INVALID_ARGUMENT', message: /and an action too/ });
});

void t.test('commands that cannot be', async (test) => {
  const { store, create } = await setting(test);
  for (const [what, request, expected] of refused) await test.rejects(create(request), expected, what);
  test.equal(await store.read.jobs.count({}), 0);
});

void t.test('a job that pauses says so to whoever watches, also later, and goes on when it is resumed', async (test) => {
  const { fleet, jobs, create, get, list, watch, rerun, resume, answer } = await setting(test, 3);
  const limits = { window: undefined, batch: undefined, batchWait: undefined, maxFailures: undefined, per: [], first: { kind: { $case: 'number' as const, value: 1 } } };
  const { job } = await create({ expression: 'web', action, limits });
  const id = job!.metadata!.id;
  test.match(job, { limits, hold: { count: 3, reason: HoldReason.OUTCOMES } }, 'nothing is sent yet');
  await jobs.reconcile(id);
  const seen: string[] = [];
  const watching = watched(watch({ job: id }), seen);
  await settle();
  await answer(fleet.execs[0]!);
  await jobs.reconcile(id);
  while (seen.length < 3) await settle(1);
  const paused = ['RUNNING {}', 'web-1 OK', 'RUNNING {"ok":1}'];
  test.same(seen, paused, 'the pause is told behind the outcome');
  const later: string[] = [];
  const watchingLater = watched(watch({ job: id }), later);
  while (later.length < 3) await settle(1);
  test.same(later, paused, 'also to who comes later');
  test.match((await list({})).jobs, [{ hold: { count: 2, reason: HoldReason.RESUME } }]);
  test.same((await get({ job: id })).targets.map(({ held }) => held).sort(), [false, true, true]);
  await resume({ job: id, mutation: dryRun });
  await resume({ job: id });
  await test.rejects(resume({ job: id }), { code: 'WO_CONFLICT' }, 'once');
  await jobs.reconcile(id);
  for (const exec of fleet.execs.slice(1)) await answer(exec);
  test.equal((await watching).at(-1), 'FINISHED {"ok":3}');
  await watchingLater;
  test.match((await rerun({ job: id })).job, { limits }, 'its command again has its limits');
});
