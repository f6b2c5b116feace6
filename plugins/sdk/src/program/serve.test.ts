import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { credentials, status, type Client, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { unaryCall } from '@wombat/proto';
import { FailureKind, parseHandshake, pluginCookie, pluginProtocol, PluginServiceClient, PluginServiceService, pluginVariables, ProviderServiceClient, ProviderServiceService as methods } from '@wombat/proto/plugin';
import t, { type Test } from 'tap';
import type { ProviderError } from '../provider-error.js';
import { readFailedCall } from '../wire-failure.js';

const sdk = new URL('../index.js', import.meta.url).href;
const source = `
import { defineProvider, ProviderError, serve, z } from ${JSON.stringify(sdk)};
await serve(defineProvider({
  name: 'tiny', version: '1', apiVersions: ['provider.v1'], summary: 's', settings: z.object({ size: z.number(), key: z.secret().optional() }),
  connect: ({ settings }) => ({
    listRegions: async () => [{ id: 'r' + settings.size, name: '' }],
    listZones: async () => { throw ProviderError.throttled('slow down', 1500); },
    close: async () => process.stderr.write('closed\\n'),
  }),
}));
`;

const cookie = { [pluginCookie.name]: pluginCookie.value, [pluginVariables.protocols]: String(pluginProtocol) };

function argv(): string[] {
  return ['--input-type=module', '-e', source];
}

async function start(t: Test) {
  // A short path: that of a socket is bounded.
  const directory = mkdtempSync(join(tmpdir(), 'wombat-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const env = { ...cookie, [pluginVariables.socketDirectory]: directory, [pluginVariables.hostServices]: join(directory, 'none.sock') };
  const child = spawn(process.execPath, argv(), { env, stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const socket = parseHandshake(line.toString());
  const client = new ProviderServiceClient(`unix:${socket}`, credentials.createInsecure());
  t.teardown(() => client.close());
  return { child, socket, client, stderr: () => stderr };
}

async function ask<Q, S>(client: Client, method: MethodDefinition<Q, S>, request: Q): Promise<S> {
  return await unaryCall(client, method, request, 5_000, new AbortController().signal, readFailedCall);
}

t.test('a program serves its plugin on a private socket until its standard input is closed', async (t) => {
  const { child, socket, client, stderr } = await start(t);
  t.equal(statSync(dirname(socket)).mode & 0o777, 0o700, 'nobody else reaches the socket');
  const plain = new PluginServiceClient(`unix:${socket}`, credentials.createInsecure());
  t.teardown(() => plain.close());
  t.equal((await ask(plain, PluginServiceService.describe, {})).description?.name, 'tiny');
  t.equal((await ask(client, methods.describeProvider, {})).description?.version, '1');
  await t.rejects(ask(client, methods.listRegions, {}), { kind: FailureKind.UNAVAILABLE, message: 'the plugin was not configured yet' });
  const validated = await ask(client, methods.validate, { settings: '{"size":"7"}' });
  t.same([validated.notes, validated.settings], [[], '{"size":7}'], 'text is read as the schema asks');
  const configuration = { providerId: 'prv-x', clusterId: 'c', dataDirectory: '', settings: '{"size":8}' };
  await t.rejects(ask(client, methods.configure, { ...configuration, settings: '{"size":8,"key":5}' }), { kind: FailureKind.INVALID, field: 'key', message: 'key: must be text' });
  await ask(client, methods.configure, configuration);
  t.same((await ask(client, methods.listRegions, {})).regions, [{ id: 'r8', name: '' }]);
  await t.rejects(ask(client, methods.listZones, { region: '' }), { kind: FailureKind.THROTTLED, retryAfterMs: 1500, message: 'slow down' });
  const unable = await ask(client, methods.getQuota, { region: '' }).catch((error: ProviderError) => error.cause as ServiceError);
  t.match(unable, { code: status.UNIMPLEMENTED }, 'an ability that is not flagged is not there');
  child.stdin.end();
  const [code] = (await once(child, 'exit')) as [number];
  t.equal(code, 0, stderr());
  t.match(stderr(), /^closed$/m, 'the provider was let go');
  t.notOk(existsSync(dirname(socket)), 'nothing is left');
});

t.test('started by hand, or by a host of another protocol, it says what it is and ends', (t) => {
  const byHand = spawnSync(process.execPath, argv(), { env: {}, input: '', encoding: 'utf8' });
  t.equal(byHand.status, 1);
  t.match(byHand.stderr, /^This is the Wombat plugin tiny\. It is not run by hand/);
  t.equal(byHand.stdout, '');
  const other = spawnSync(process.execPath, argv(), { env: { ...cookie, [pluginVariables.protocols]: '7,8' }, input: '', encoding: 'utf8' });
  t.equal(other.status, 1);
  t.match(other.stderr, /speaks version 1 of the plugin protocol, the host speaks 7, 8/);
  t.end();
});
