import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CreateFamilyRequest, FamilyServiceService, GetVersionRequest, ListNodesRequest, ListNodesResponse, NodeServiceService, OperationServiceService, SystemServiceService, WatchOperationRequest, type Mutation } from '@wombat/proto/control';
import { limits, WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { resolveContext } from '../context/resolve.js';
import { FakeCoordinator, type FakeCoordinatorOptions } from '../testing/fake-coordinator.js';
import { operation, operationMessage } from '../testing/objects.js';
import { Control } from './control.js';
import { clusterIdOf, loadCredentials } from './credentials.js';
import { newMutation } from './mutation.js';
import { allPages } from './paging.js';
import { uploadArtifact } from './upload-artifact.js';

const version = { version: '9.9.9', clusterId: 'c', agents: {}, nodeVersion: '20', time: undefined };

async function connect(t: Test, options: FakeCoordinatorOptions = {}, signal = new AbortController().signal): Promise<{ fake: FakeCoordinator; control: Control }> {
  const fake = await FakeCoordinator.start(options);
  fake.handlers = { getVersion: () => version };
  const context = await resolveContext({ context: undefined, address: undefined }, { env: { WO_CONFIG_DIR: fake.configDirectory }, cwd: '/' });
  const control = new Control(await loadCredentials(context), signal, 5_000);
  t.teardown(async () => {
    control.close();
    await fake.stop();
  });
  return { fake, control };
}

const getVersion = (control: Control): Promise<unknown> => control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));

t.test('the server is known by the authority and by the name of its cluster, whatever its address', async (t) => {
  const { control } = await connect(t);
  t.match(await getVersion(control), { version: '9.9.9' });
});

t.test('a server of another name is refused although the authority signed it', async (t) => {
  const { control, fake } = await connect(t, { serverName: 'host.somewhere.wombat' });
  await t.rejects(getVersion(control), { code: 'WO_CA_MISMATCH' });
  t.same(fake.calls, [], 'the token was not sent');
});

t.test('a server of another authority is refused', async (t) => {
  const { fake } = await connect(t);
  const other = await FakeCoordinator.start();
  t.teardown(() => other.stop());
  const context = await resolveContext({ context: undefined, address: other.address }, { env: { WO_CONFIG_DIR: fake.configDirectory }, cwd: '/' });
  const control = new Control(await loadCredentials(context), new AbortController().signal);
  t.teardown(() => control.close());
  await t.rejects(getVersion(control), { code: 'WO_CA_MISMATCH' });
  t.same(other.calls, []);
});

t.test('a token that the coordinator does not know', async (t) => {
  const { fake, control } = await connect(t);
  await writeFile(join(fake.configDirectory, 'operator.token'), 'another');
  const context = await resolveContext({ context: undefined, address: undefined }, { env: { WO_CONFIG_DIR: fake.configDirectory }, cwd: '/' });
  const wrong = new Control(await loadCredentials(context), new AbortController().signal);
  t.teardown(() => wrong.close());
  await t.rejects(getVersion(wrong), { code: 'WO_UNAUTHENTICATED' });
  t.ok(await getVersion(control), 'the right one still works');
});

t.test('nobody listens', async (t) => {
  const { fake } = await connect(t);
  const socket = createServer();
  await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
  const { port } = socket.address() as { port: number };
  await new Promise((resolve) => socket.close(resolve));
  const context = await resolveContext({ context: undefined, address: `127.0.0.1:${port}` }, { env: { WO_CONFIG_DIR: fake.configDirectory }, cwd: '/' });
  const control = new Control(await loadCredentials(context), new AbortController().signal);
  t.teardown(() => control.close());
  await t.rejects(getVersion(control), { code: 'WO_COORDINATOR_UNREACHABLE', message: new RegExp(`no answer from 127.0.0.1:${port}: .*ECONNREFUSED`) });
});

t.test('errors of the API come with their own code, hint and details', async (t) => {
  const { fake, control } = await connect(t);
  fake.handlers.getVersion = () => {
    throw new WombatError('WO_UNAVAILABLE', 'stopping', { hint: 'soon', details: { a: 'b' } });
  };
  await t.rejects(getVersion(control), { code: 'WO_UNAVAILABLE', message: 'stopping', hint: 'soon', details: { a: 'b' } });
});

t.test('a signal ends a call and a stream that are under way, with its own reason', async (t) => {
  const abort = new AbortController();
  const { fake, control } = await connect(t, {}, abort.signal);
  let called: () => void = () => {};
  const wasCalled = new Promise<void>((resolve) => (called = resolve));
  fake.handlers.getVersion = () => (called(), new Promise(() => {}));
  fake.handlers.watchOperation = async function* (_request, signal) {
    yield operationMessage(operation(['a']));
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const call = getVersion(control);
  const stream = control.stream(OperationServiceService.watchOperation, WatchOperationRequest.fromPartial({}));
  await stream.next();
  await wasCalled;
  const reason = new Error('enough');
  abort.abort(reason);
  await t.rejects(call, reason);
  await t.rejects(stream.next(), reason);
});

t.test('a mutation with a request id is asked again when the coordinator is away for a moment; what has none is not', async (t) => {
  const { fake, control } = await connect(t);
  const ids: string[] = [];
  fake.handlers.createFamily = ({ mutation }) => {
    ids.push(mutation?.requestId ?? '');
    if (ids.length % 3 !== 0) throw new WombatError('WO_UNAVAILABLE', 'stopping');
    return { family: undefined, dryRun: false };
  };
  const create = (mutation: Mutation | undefined): Promise<unknown> => control.call(FamilyServiceService.createFamily, CreateFamilyRequest.fromPartial({ ...(mutation && { mutation }), name: 'web' }));
  await create(newMutation());
  t.equal(ids.length, 3, 'two refusals were passed over');
  t.equal(new Set(ids).size, 1, 'with one id');
  await t.rejects(create(undefined), { code: 'WO_UNAVAILABLE' }, 'without an id nobody knows what it would do twice');
  fake.handlers.createFamily = () => {
    throw new WombatError('WO_UNAVAILABLE', 'stopping');
  };
  await t.rejects(create(newMutation()), { code: 'WO_UNAVAILABLE' }, 'and it is not asked for ever');
});

t.test('a call that came too early is made again when it may', async (t) => {
  const { fake, control } = await connect(t);
  let calls = 0;
  fake.handlers.getVersion = () => {
    calls += 1;
    if (calls === 1) throw new WombatError('WO_RATE_LIMITED', 'too many', { details: { retryAfterMs: '20' } });
    return version;
  };
  t.match(await getVersion(control), { version: '9.9.9' });
  fake.handlers.getVersion = () => {
    throw new WombatError('WO_RATE_LIMITED', 'too many', { details: { retryAfterMs: '60000' } });
  };
  await t.rejects(getVersion(control), { code: 'WO_RATE_LIMITED' }, 'a minute is not waited for');
});

t.test('the cluster id stands in the certificate of the authority', async (t) => {
  const { fake } = await connect(t, { clusterId: 'k3m2abc' });
  const { readFile } = await import('node:fs/promises');
  t.equal(clusterIdOf(await readFile(join(fake.configDirectory, 'ca.pem')), 'ca.pem'), 'k3m2abc');
  t.throws(() => clusterIdOf(Buffer.from('no certificate'), 'x.pem'), { code: 'WO_CONFIG_INVALID', message: /x\.pem is no certificate/ });
});

t.test('files that a context names and that are not there, or hold nothing, are named', async (t) => {
  const { fake } = await connect(t);
  const load = async (env: Record<string, string>): Promise<unknown> => loadCredentials(await resolveContext({ context: undefined, address: undefined }, { env: { WO_CONFIG_DIR: fake.configDirectory, ...env }, cwd: '/' }));
  await t.rejects(load({ WO_TOKEN_FILE: '/nonexistent/token' }), { code: 'WO_CONFIG_INVALID', message: /token file \/nonexistent\/token \(named by WO_TOKEN_FILE\) cannot be read: ENOENT/ });
  await t.rejects(load({ WO_CA_FILE: '/nonexistent/ca' }), { message: /CA file/ });
  await writeFile(join(fake.configDirectory, 'operator.token'), '\n');
  await t.rejects(load({}), { message: /holds no token/ });
});

t.test('an upload arrives whole, in pieces that are not too large', async (t) => {
  const { fake, control } = await connect(t);
  const content = randomBytes(3 * limits.artifactChunkBytes + 12_345);
  const path = join(t.testdir({}), 'release.tar');
  await writeFile(path, content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const sizes: number[] = [];
  const received = createHash('sha256');
  fake.handlers.uploadArtifact = async (requests) => {
    let header: { sha256: string; sizeBytes: bigint } | undefined;
    for await (const { kind } of requests) {
      if (kind?.$case === 'header') header = kind.value;
      if (kind?.$case === 'data') (sizes.push(kind.value.length), received.update(kind.value));
    }
    return { sha256: header!.sha256, sizeBytes: header!.sizeBytes, existed: false };
  };
  const progress: number[] = [];
  t.match(await uploadArtifact(control, path, ({ sentBytes }) => progress.push(sentBytes)), { sha256, sizeBytes: BigInt(content.length) });
  t.equal(received.digest('hex'), sha256, 'the bytes that arrived');
  t.same(sizes, [limits.artifactChunkBytes, limits.artifactChunkBytes, limits.artifactChunkBytes, 12_345]);
  t.equal(progress.at(-1), content.length);
});

t.test('a coordinator that has the artifact answers early, and the rest is not sent', async (t) => {
  const { fake, control } = await connect(t);
  const path = join(t.testdir({}), 'release.tar');
  await writeFile(path, Buffer.alloc(40 * limits.artifactChunkBytes, 7));
  fake.handlers.uploadArtifact = async (requests) => {
    for await (const { kind } of requests) {
      if (kind?.$case === 'header') return { sha256: kind.value.sha256, sizeBytes: kind.value.sizeBytes, existed: true };
    }
    throw new Error('no header came');
  };
  t.match(await uploadArtifact(control, path), { existed: true });
});

t.test('what is no tarball to send is refused before anything is sent', async (t) => {
  const { fake, control } = await connect(t);
  const directory = t.testdir({ empty: '' });
  await t.rejects(uploadArtifact(control, join(directory, 'empty')), { name: 'UsageError', message: /is empty/ });
  await t.rejects(uploadArtifact(control, directory), { name: 'UsageError', message: /no regular file/ });
  await t.rejects(uploadArtifact(control, join(directory, 'not')), { message: /^there is no file .*not$/ });
  t.same(fake.calls, []);
});

t.test('all pages are asked for, and no more than the limit needs', async (t) => {
  const { fake, control } = await connect(t);
  const sizes: number[] = [];
  fake.handlers.listNodes = ({ page }) => {
    const first = Number(page?.pageToken || 0);
    const amount = Math.min(page!.pageSize, 1200 - first);
    sizes.push(amount);
    const nodes = Array.from({ length: amount }, (_, index) => ({ metadata: { id: `node-${first + index}` } }));
    return ListNodesResponse.fromPartial({ nodes, page: { nextPageToken: first + amount < 1200 ? String(first + amount) : '' } });
  };
  const list = (query: { limit?: number }): Promise<unknown[]> => allPages(async (page) => {
    const answer = await control.call(NodeServiceService.listNodes, ListNodesRequest.fromPartial({ page }));
    return { items: answer.nodes, page: answer.page };
  }, query);
  t.equal((await list({})).length, 1200);
  t.same(sizes.splice(0), [500, 500, 200]);
  t.equal((await list({ limit: 501 })).length, 501);
  t.same(sizes, [500, 1]);
  const same = await allPages(async () => ({ items: [1], page: { nextPageToken: 'again' } }));
  t.same(same, [1, 1], 'a token that does not change ends it');
});
