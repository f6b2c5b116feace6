import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { FailureKind, MachineState, tagsOf, type CreateHostResult, type HostSpec, type JsonObject, type ProviderInstance } from '@wombat/plugin-sdk';
import { connectForTest } from '@wombat/plugin-sdk/testing';
import t from 'tap';
import { archive } from './archive.js';
import { containerPlan } from './container-plan.js';
import { plugin } from './index.js';
import { dockerSettings } from './settings.js';
import { DockerEngine, whyNoEngine } from './testing/docker-engine.js';
import { importShellImage, importDirectory } from './testing/shell-image.js';

t.setTimeout(300_000);

const context = { signal: new AbortController().signal };
const clusterId = 'testcluster';
let hosts = 0;

function specOf(changes: Partial<HostSpec> = {}): HostSpec {
  hosts += 1;
  const number = String.fromCharCode(96 + hosts);
  return {
    key: `key-${number}`, hostId: `host-${number.repeat(12)}`, image: 'shell:1', hardwareProfile: 'small', region: '', zone: '', tags: {}, firewallGroup: '', spot: false, labels: [], ...changes,
  };
}

const outcomeOf = ([result]: readonly CreateHostResult[]): unknown => result?.outcome?.value;

t.test('the driver on a real Docker Engine', { skip: whyNoEngine() }, async (t) => {
  const engine = await DockerEngine.start(t);
  const { docker, socketPath } = engine;
  await importShellImage(docker, 'shell:1');
  await importDirectory(docker, 'empty:1', t.testdir({ file: 'no shell' }));
  const connect = async (settings: JsonObject = {}): Promise<ProviderInstance> => (await connectForTest(plugin, { settings: { socketPath, ...settings }, clusterId })).instance;
  const provider = await connect();
  const refusal = async (changes: Partial<HostSpec>, by = provider): Promise<unknown> => outcomeOf(await by.createHosts([specOf(changes)], context));

  await t.test('it looks around', async (t) => {
    t.match(await provider.verify(context), { identity: /^Docker Engine \d+\.\d+.* cores/, notes: [] });
    const page = { region: '', query: '', pageSize: 1, pageToken: '' };
    const { images, nextPageToken } = await provider.listImages(page, context);
    t.strictSame(images.map(({ id }) => id), ['empty:1']);
    t.strictSame((await provider.listImages({ ...page, pageToken: nextPageToken }, context)).images.map(({ id }) => id), ['shell:1']);
    const { hardwareProfiles } = await (await connect({ hardwareProfiles: { tiny: { cpus: 0.5, memoryMb: 128 }, huge: { cpus: 1_000, memoryMb: 128 } } })).listHardwareProfiles(page, context);
    t.match(hardwareProfiles, [{ id: 'tiny', cpuCores: 1, memoryBytes: 128n * 1024n ** 2n, arch: process.arch }], 'those that the engine has room for');
  });

  await t.test('what it cannot make it refuses, says why, and leaves nothing', async (t) => {
    t.match(await refusal({ image: 'nothere:12' }), { kind: FailureKind.INVALID, field: 'image', message: /has no image nothere:12: pull it there/ });
    t.match(await refusal({ image: 'empty:1' }), { kind: FailureKind.INVALID, field: 'image', message: /has no \/bin\/sh/ });
    for (const image of ['', 'No Such', 'shell:1/../../containers', 'shell?all=1']) t.match(await refusal({ image }), { kind: FailureKind.INVALID, field: 'image', message: /is needed/ }, JSON.stringify(image));
    t.match(await refusal({ hardwareProfile: 'other' }), { kind: FailureKind.INVALID, field: 'hardwareProfile' });
    t.match(await refusal({ region: 'eu' }), { kind: FailureKind.INVALID, field: 'region' });
    t.match(await refusal({ hardwareProfile: 'huge' }, await connect({ hardwareProfiles: { huge: { cpus: 1_000, memoryMb: 128 } } })), { kind: FailureKind.INVALID, field: 'hardwareProfile', message: /range of CPUs/ });
    const astray = await connect({ network: 'nonet' });
    t.match(await refusal({}, astray), { kind: FailureKind.INVALID, field: 'network' });
    await t.rejects(astray.verify(context), { kind: FailureKind.INVALID, field: 'network', message: /has no network nonet/ });
    t.match(await refusal({ image: '127.0.0.1:1/nothere:12' }, await connect({ pull: 'missing' })), { kind: FailureKind.UNAVAILABLE, mayRetry: true, message: /connection refused/ }, 'a registry that does not answer');
    t.strictSame(await docker.listContainers({ all: true }), []);
  });

  await t.test('an engine that is not there, and one that is not to be trusted', async (t) => {
    await t.rejects((await connect({ socketPath: `${socketPath}.not` })).verify(context), { kind: FailureKind.UNAVAILABLE, message: /no engine listens at/ });
    const { ca, client, stranger } = engine.certificates;
    const tls = { host: '127.0.0.1', port: engine.port };
    t.match(await (await connect({ ...tls, ca, ...client })).verify(context), { notes: [] });
    await t.rejects((await connect({ ...tls, ca, ...stranger })).verify(context), { kind: FailureKind.AUTH, mayRetry: false, message: /refuses the certificate/ });
    await t.rejects((await connect({ ...tls, ca: stranger.cert, ...client })).verify(context), { kind: FailureKind.INVALID, field: 'ca', message: /authority/ });
    await t.rejects((await connect({ ...tls, ca, cert: client.cert, key: 'no PEM' })).verify(context), { kind: FailureKind.INVALID, field: 'key', message: /PEM/ });
  });

  await t.test('a container whose creation was interrupted is started when its key is asked for again', async (t) => {
    const spec = specOf();
    const { id } = await docker.createContainer(containerPlan(spec, dockerSettings.parse({}), clusterId));
    t.match(await provider.listHosts(context), [{ machineId: id, state: MachineState.CREATING }]);
    t.match(outcomeOf(await provider.createHosts([spec], context)), { machineId: id, state: MachineState.RUNNING, tags: tagsOf(spec, clusterId), addresses: [/^198\.51\.100\./] });
    t.match(outcomeOf(await provider.createHosts([{ ...spec, hostId: 'host-other2222222' }], context)), { kind: FailureKind.INVALID }, 'a key is of one host');
    await provider.destroyHosts([id], context);
  });

  await t.test('what becomes of a container is told, and its console with it', async (t) => {
    const made = outcomeOf(await provider.createHosts([specOf()], context)) as { readonly machineId: string };
    const state = async (): Promise<MachineState | undefined> => (await provider.listHosts(context)).find(({ machineId }) => machineId === made.machineId)?.state;
    const console = async (): Promise<string> => Buffer.from((await provider.getConsoleLog?.(made.machineId, context)) ?? '').toString();
    while (!(await console()).includes('agent')) await sleep(100);
    t.equal(await console(), 'the agent of wombat-agent is started\n');
    t.equal(await engine.run(made.machineId, 'ls', '/etc/wombat-host'), 'start.sh\n', 'the payload is gone');
    await docker.getContainer(made.machineId).stop();
    t.equal(await state(), MachineState.STOPPED, 'it ended as it was asked to');
    await docker.getContainer(made.machineId).start();
    await docker.getContainer(made.machineId).kill();
    t.equal(await state(), MachineState.FAILED);
    await t.rejects(provider.getConsoleLog!('f00d', context), { kind: FailureKind.NOT_FOUND, message: /no container f00d/ });
    await provider.destroyHosts([made.machineId], context);
    t.strictSame(await docker.listContainers({ all: true }), []);
  });

  await t.test('the package of the agent lies where the installer looks for it; one that is damaged is not installed', async (t) => {
    const bytes = gzipSync(archive([{ path: 'bin/node', mode: 0o755, content: Buffer.from('a program') }]));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const askedFor: string[] = [];
    const withPackage = async (name: string): Promise<ProviderInstance> => (await connectForTest(plugin, {
      settings: { socketPath }, clusterId, agentPackage: (arch) => (askedFor.push(arch), { sha256: name, content: Readable.from([bytes]) }),
    })).instance;
    const { machineId } = outcomeOf(await (await withPackage(sha256)).createHosts([specOf()], context)) as { readonly machineId: string };
    t.equal(await engine.run(machineId, 'cat', `/opt/wombat-agent/versions/${sha256}/bin/node`), 'a program');
    t.strictSame(askedFor, [process.arch], 'the one for the image');
    await provider.destroyHosts([machineId], context);
    t.match(outcomeOf(await (await withPackage('0'.repeat(64))).createHosts([specOf()], context)), { kind: FailureKind.UNAVAILABLE, message: /the package of the agent is damaged/ });
    t.match(outcomeOf(await (await withPackage('../../etc')).createHosts([specOf()], context)), { kind: FailureKind.UNAVAILABLE, message: /named by no sha256/ });
    t.strictSame(await docker.listContainers({ all: true }), []);
  });

  await t.test('an image that the engine does not have is pulled from its registry, where that is asked for', async (t) => {
    const name = `${engine.registry}/team/shell:2`;
    await docker.getImage('shell:1').tag({ repo: `${engine.registry}/team/shell`, tag: '2' });
    await text(await docker.getImage(name).push({ authconfig: { username: '', password: '' } }));
    await docker.getImage(name).remove();
    t.match(await refusal({ image: name }), { kind: FailureKind.INVALID, field: 'image', message: /pull=missing/ });
    const pulling = await connect({ pull: 'missing' });
    const results = await pulling.createHosts([specOf({ image: name }), specOf({ image: name })], context);
    t.match(results.map((result) => outcomeOf([result])), [{ state: MachineState.RUNNING }, { state: MachineState.RUNNING }]);
    t.match(await refusal({ image: `${engine.registry}/team/shell:99` }, pulling), { kind: FailureKind.INVALID, field: 'image', message: /manifest/ });
    t.match(await refusal({ image: `${engine.registry}/team/nothing` }, pulling), { kind: FailureKind.INVALID, field: 'image' }, 'the tag latest, of what is not there');
    await provider.destroyHosts((await provider.listHosts(context)).map(({ machineId }) => machineId), context);
  });

  await t.test('a payload that fails is tried again by the engine', async (t) => {
    const payload = '#!/bin/sh\nif [ -f /tried ]; then exit 0; fi\n: >/tried\nexit 1\n';
    const { instance } = await connectForTest(plugin, { settings: { socketPath }, clusterId, installPayload: () => Buffer.from(payload) });
    const { machineId } = outcomeOf(await instance.createHosts([specOf()], context)) as { readonly machineId: string };
    while (!Buffer.from((await instance.getConsoleLog?.(machineId, context)) ?? '').toString().includes('agent')) await sleep(100);
    t.equal((await docker.getContainer(machineId).inspect()).RestartCount, 1);
    await instance.destroyHosts([machineId], context);
  });

  await t.test('containers of others are not there', async (t) => {
    const { id } = await docker.createContainer({ Image: 'shell:1', Cmd: ['/bin/sh'], Labels: { 'wombat-cluster': 'another' } });
    t.strictSame(await provider.listHosts(context), []);
    t.match(await provider.destroyHosts([id], context), [{ machineId: id, failure: undefined }]);
    t.equal((await docker.listContainers({ all: true })).length, 1, 'it was not touched');
  });
});
