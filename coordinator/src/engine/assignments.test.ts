import t, { type Test } from 'tap';
import { DesiredState, type Assignment } from '@wombat/proto/agent';
import type { Host } from '../domain/model/host.js';
import type { FamilySpec } from '../domain/model/family.js';
import type { Node } from '../domain/model/node.js';
import type { Release } from '../domain/model/release.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { FakeFleet } from '../testing/fake-fleet.js';
import { fakeSecrets } from '../testing/fake-secrets.js';
import { FakeStrategies } from '../testing/fake-strategies.js';
import { familyRow, hostRow, manifestOf, nodeRow, releaseRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { AssignmentBuilder } from './assignment-builder.js';
import { AssignmentController } from './assignment-controller.js';
import { reviseFamily } from './family-revisions.js';

const family = familyRow();
const hostId = idNumber('host', 1);
const context = { signal: new AbortController().signal };
const unprepared = { address: '', startId: '', phase: 'pending', hostId, observedGeneration: 0 } as const;
const erlang = { manifest: manifestOf({ nodeName: 'web', ready: { kind: 'erlang' } }), layout: 'relx' } as const;

class Setting {
  readonly fleet = new FakeFleet();
  readonly strategies = new FakeStrategies();
  readonly builder: AssignmentBuilder;
  controller!: AssignmentController;

  private constructor(readonly store: Store, clock: ManualClock) {
    this.builder = new AssignmentBuilder({ store, clock, secrets: fakeSecrets, strategies: this.strategies });
    this.restart();
  }

  static async of(test: Test, nodes: readonly NewObject<Node>[], release: Partial<NewObject<Release>> = erlang, host: Partial<NewObject<Host>> = {}, spec: Partial<FamilySpec> = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'releases', releaseRow(release));
    await put(store, 'families', familyRow({}, spec));
    await put(store, 'hosts', hostRow(1, host));
    await put(store, 'nodes', ...nodes);
    return new Setting(store, clock);
  }

  restart(): void {
    this.controller = new AssignmentController({ store: this.store, fleet: this.fleet, builder: this.builder });
  }

  nodes(): Promise<Node[]> {
    return this.store.read.nodes.find({ familyId: family.id });
  }

  /** "name generation" of what was sent since the last call. */
  sent(): string[] {
    return this.fleet.assignments.splice(0).map(({ assignment }) => brief(assignment));
  }
}

function brief({ nodeId, generation, desired }: Assignment): string {
  return `${nodeId.at(-1)} ${generation} ${DesiredState[desired]}`;
}

const two = [nodeRow(family.id, 1, unprepared), nodeRow(family.id, 2, unprepared)];

void t.test('nothing is sent before the machine is known', async (test) => {
  const setting = await Setting.of(test, two, erlang, { machineId: '', addresses: ['10.0.0.1'], phase: 'creating' });
  setting.fleet.connect(hostId);
  test.same(await setting.controller.fullSync(hostId), [], 'the agent was quicker than the provider');
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), []);
  await change(setting.store, 'hosts', hostId, { machineId: 'machine-1', addresses: [] });
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), [], 'nor without an address');
  await change(setting.store, 'hosts', hostId, { addresses: ['127.9.9.1'] });
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), ['b 1 RUNNING', 'c 1 RUNNING'], 'all at once when it is known');
});

void t.test('address, Erlang name and contacts are given once, and kept', async (test) => {
  const setting = await Setting.of(test, two);
  setting.fleet.connect(hostId);
  await setting.controller.fullSync(hostId);
  const [first, second] = await setting.nodes();
  test.match(first, { address: '127.9.9.1', erlangName: 'web-1@127.9.9.1', contactIds: [] }, 'the first knows nobody');
  test.match(second, { address: '127.9.9.1', erlangName: 'web-2@127.9.9.1', contactIds: [first?.id] }, 'the second knows the first');
  await change(setting.store, 'hosts', hostId, { addresses: ['10.10.10.10'] });
  await setting.controller.fullSync(hostId);
  test.match(await setting.nodes(), [{ address: '127.9.9.1', contactIds: [] }, { address: '127.9.9.1', contactIds: [first?.id] }], 'a name that others know does not change');
});

void t.test('a release that is no Erlang node has no Erlang name', async (test) => {
  const setting = await Setting.of(test, two, {});
  const [assignment] = await setting.controller.fullSync(hostId);
  test.same((await setting.nodes()).map((node) => node.erlangName), ['', '']);
  test.notOk(assignment?.spec?.erlang, 'and gets no cookie');
});

void t.test('contacts are chosen by the family\'s selector, and never grow with the family', async (test) => {
  const many = Array.from({ length: 70 }, (_, index) => nodeRow(family.id, index + 1, unprepared));
  await test.test('oldest', async (test) => {
    const setting = await Setting.of(test, two.concat(nodeRow(family.id, 3, unprepared)), erlang, {}, { selector: 'oldest' });
    await setting.controller.fullSync(hostId);
    test.same((await setting.nodes()).map((node) => node.contactIds), [[], [idNumber('node', 1)], [idNumber('node', 1)]]);
  });
  await test.test('all', async (test) => {
    const setting = await Setting.of(test, many);
    await setting.controller.fullSync(hostId);
    const contacts = (await setting.nodes()).map((node) => node.contactIds.length);
    test.equal(Math.max(...contacts), 50, 'no more than fifty, or thousands of nodes would store millions of contacts');
  });
});

void t.test('only what is newer than what the session has is sent', async (test) => {
  const setting = await Setting.of(test, two);
  setting.fleet.connect(hostId);
  test.same((await setting.controller.fullSync(hostId)).map(brief), ['b 1 RUNNING', 'c 1 RUNNING'], 'a session begins with everything');
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), [], 'nothing is new');
  await change(setting.store, 'nodes', idNumber('node', 2), { generation: 2, desired: 'stopped' });
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), ['c 2 STOPPED'], 'one has changed');
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), [], 'once is enough');
  setting.fleet.connected.clear();
  await change(setting.store, 'nodes', idNumber('node', 1), { generation: 2, desired: 'absent', keepData: true });
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), [], 'without a session there is nobody to tell');
  setting.fleet.connect(hostId);
  const all = await setting.controller.fullSync(hostId);
  test.same(all.map(brief), ['b 2 ABSENT', 'c 2 STOPPED'], 'the next session makes up for it');
  test.match(all[0], { keepData: true, spec: undefined }, 'what goes is not rendered any more');
});

void t.test('what is gone is not spoken of', async (test) => {
  const setting = await Setting.of(test, [nodeRow(family.id, 1, { hostId, phase: 'gone', desired: 'absent' }), nodeRow(family.id, 2, { hostId })]);
  test.same((await setting.controller.fullSync(hostId)).map(brief), ['c 1 RUNNING']);
});

void t.test('another coordinator process begins anew', async (test) => {
  const setting = await Setting.of(test, two);
  setting.fleet.connect(hostId);
  await setting.controller.fullSync(hostId);
  setting.restart();
  test.same((await setting.controller.fullSync(hostId)).map(brief), ['b 1 RUNNING', 'c 1 RUNNING'], 'agents know what is not new to them by its generation');
});

void t.test('a node that cannot be rendered fails with the reason, once, and holds up nobody', async (test) => {
  const broken = releaseRow({ id: idNumber('rel', 901), manifest: manifestOf({ start: 'bin/run {{node.nmae}}' }) });
  const setting = await Setting.of(test, [nodeRow(family.id, 1, { ...unprepared, releaseId: broken.id }), nodeRow(family.id, 2, unprepared)]);
  await put(setting.store, 'releases', broken);
  setting.fleet.connect(hostId);
  for (let look = 0; look < 3; look += 1) await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), ['c 1 RUNNING'], 'the other node has what it needs');
  const [failed] = await setting.nodes();
  test.match(failed, { phase: 'failed', lastError: { code: 'WO_TEMPLATE_INVALID', message: /nmae/ } });
  test.equal((await eventsAfter(setting.store)).length, 1, 'told once');
  const { revision } = failed!;
  await setting.controller.reconcile(hostId, context.signal);
  test.equal((await row(setting.store, 'nodes', failed!.id)).revision, revision, 'and not written again: a write would wake the next look');
});

void t.test('a node whose strategy does not run waits and says for what; other nodes of its host do not', async (test) => {
  const joins = { bootstrap: { strategy: 'serial', options: {} } };
  const setting = await Setting.of(test, [nodeRow(family.id, 1, unprepared)], erlang, {}, joins);
  await put(setting.store, 'families', familyRow({}, {}, 2));
  await put(setting.store, 'nodes', nodeRow(idNumber('fam', 2), 2, unprepared));
  setting.strategies.unavailable = 'its program is away';
  setting.fleet.connect(hostId);
  test.same((await setting.controller.fullSync(hostId)).map(brief), ['c 1 RUNNING'], 'a session begins without it');
  await test.rejects(setting.controller.reconcile(hostId, context.signal), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(serial): its program is away' }, 'to be tried again');
  const waits = await row(setting.store, 'nodes', idNumber('node', 1));
  test.match(waits, { phase: 'pending', waiting: { reason: 'strategy(serial): its program is away' } });
  await test.rejects(setting.controller.reconcile(hostId, context.signal), { code: 'WO_PLUGIN_UNAVAILABLE' });
  test.equal((await row(setting.store, 'nodes', waits.id)).revision, waits.revision, 'and not written again: a write would wake the next look');
  setting.strategies.unavailable = undefined;
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), ['b 1 RUNNING']);
});

void t.test('a node that its agent knows is not touched while its strategy does not run', async (test) => {
  const setting = await Setting.of(test, [nodeRow(family.id, 1, { hostId, generation: 1, observedGeneration: 1 })], erlang, {}, { bootstrap: { strategy: 'serial', options: {} } });
  const { revision } = (await setting.nodes())[0]!;
  setting.strategies.unavailable = 'its program is away';
  test.same(await setting.controller.fullSync(hostId), []);
  test.match(await setting.nodes(), [{ revision, phase: 'running' }]);
});

void t.test('render shows what the node gets, and never its cookie', async (test) => {
  const manifest = manifestOf({ nodeName: 'web', ready: { kind: 'erlang' }, templates: ['etc/app.conf'], start: 'bin/run {{node.name}}' });
  const release = { manifest, layout: 'plain', templateTexts: { 'etc/app.conf': '{{node.erlangName}} {{family.name}} seed={{strategy.seed}}' } } as const;
  const setting = await Setting.of(test, two, release, {}, { bootstrap: { strategy: 'serial', options: {} }, environment: { LANG: 'C' } });
  const before = await setting.builder.render(await row(setting.store, 'nodes', idNumber('node', 2)), context);
  test.match(before, { provisional: /cloud-1 is not up yet: <address> stands for its address/, rendered: { files: [{ text: /^web-2@<address> family 900 seed=/ }] } }, 'before its host is known it is told what is not');
  const [, assignment] = await setting.controller.fullSync(hostId);
  const { rendered, provisional } = await setting.builder.render(await row(setting.store, 'nodes', idNumber('node', 2)), context);
  test.equal(provisional, '', 'now all is known');
  test.same(rendered.files, [{ path: 'etc/app.conf', text: 'web-2@127.9.9.1 family 900 seed=web-1', mode: 0 }]);
  test.same(rendered.start, ['bin/run', 'web-2']);
  test.match(rendered.environment, { LANG: 'C' });
  test.equal(JSON.stringify(rendered).includes('COOKIE'), false, 'the cookie is filled in on the host');
  test.equal(Buffer.from(assignment!.spec!.erlang!.cookie).toString(), 'COOKIE', 'which gets it with its assignment');
  test.equal(Buffer.from(assignment!.spec!.files[0]!.content).toString(), rendered.files[0]?.text, 'what is shown is what is sent');
});

void t.test('the epmd port is the driver\'s word', async (test) => {
  const setting = await Setting.of(test, two, erlang, { attributes: { 'erlang.epmd-port': 14_369 } });
  const [assignment] = await setting.controller.fullSync(hostId);
  test.match(assignment?.spec, { erlang: { epmdPort: 14_369, nodeName: 'web-1@127.9.9.1', longNames: true } });
});

void t.test('a node runs what its family said when it was started, secrets included', async (test) => {
  const sealedSecrets = { KEY: fakeSecrets.seal(`${family.id}/KEY`, Buffer.from('first')) };
  const setting = await Setting.of(test, two, {}, {}, { environment: { A: '1' }, sealedSecrets });
  const sent = async () => (await setting.controller.fullSync(hostId)).map(({ spec }) => [spec?.environment['A'], spec?.secrets.map(({ name, value, environmentName }) => `${name} ${environmentName} ${Buffer.from(value).toString()}`).join()]);
  test.same(await sent(), [['1', 'KEY KEY first'], ['1', 'KEY KEY first']]);
  await setting.store.transaction(async (transaction) => reviseFamily(transaction, (await transaction.families.get(family.id))!, {
    environment: { A: '2' }, sealedSecrets: { KEY: fakeSecrets.seal(`${family.id}/KEY`, Buffer.from('second')) },
  }, { at: 1, principal: 'ada', keep: 1 }));
  test.same(await sent(), [['1', 'KEY KEY first'], ['1', 'KEY KEY first']], 'another session changes nothing for nodes that run');
  await change(setting.store, 'nodes', idNumber('node', 2), { familyGeneration: 2 });
  test.same(await sent(), [['1', 'KEY KEY first'], ['2', 'KEY KEY second']], 'only for the one that was restarted');
});

void t.test('what does not fit into an assignment is told of the node', async (test) => {
  const sealedSecrets = { KEY: fakeSecrets.seal(`${family.id}/KEY`, Buffer.alloc(30_000, 'x')) };
  const setting = await Setting.of(test, two.slice(0, 1), {}, {}, { environment: { A: 'y'.repeat(20_000) }, sealedSecrets });
  test.same(await setting.controller.fullSync(hostId), []);
  test.match(await setting.nodes(), [{ phase: 'failed', lastError: { code: 'WO_TEMPLATE_TOO_LARGE', message: /50004 bytes/ } }]);
});

const forPlatforms = (...archs: string[]): Partial<NewObject<Release>> => ({
  artifacts: archs.map((arch, index) => ({ sha256: String(index).repeat(64), sizeBytes: 1_000, platform: { os: 'linux', arch, libc: index === 2 ? 'glibc' : '' } })),
  manifest: manifestOf({ runAs: 'web', limits: { openFiles: 9, processes: 8, nice: 5, memoryBytes: 7 }, needs: { memoryBytes: 6, diskBytes: 5 } }),
});
const facts = (arch: string, libc = 'glibc'): unknown => ({ platform: { os: 'linux', arch, libc } });

void t.test('a host gets the artifact that fits it best, with what the manifest asks for', async (test) => {
  const chosen = async (host: unknown): Promise<string | undefined> => {
    const setting = await Setting.of(test, two, forPlatforms('arm64', 'x64', 'x64'), { facts: host });
    const [assignment] = await setting.controller.fullSync(hostId);
    return assignment?.spec?.artifact?.sha256[0];
  };
  test.equal(await chosen(facts('arm64')), '0');
  test.equal(await chosen(facts('x64', 'musl')), '1');
  test.equal(await chosen(facts('x64')), '2', 'the one that says most');
  const setting = await Setting.of(test, two, forPlatforms('x64'), { facts: facts('x64') });
  const [assignment] = await setting.controller.fullSync(hostId);
  test.match(assignment?.spec, {
    limits: { openFiles: 9n, processes: 8n, nice: 5, memoryBytes: 7n, runAs: 'web' },
    requirements: { memoryBytes: 6n, diskBytes: 5n, platform: { os: 'linux', arch: 'x64', libc: '' } },
  });
});

void t.test('what a host is must be known where it matters; when nothing fits the node fails and nothing is sent', async (test) => {
  const setting = await Setting.of(test, two, forPlatforms('arm64'));
  test.same(await setting.controller.fullSync(hostId), [], 'the host has not said what it is');
  test.same((await setting.nodes()).map(({ phase }) => phase), ['pending', 'pending'], 'which is no failure');
  await change(setting.store, 'hosts', hostId, { facts: facts('x64') });
  setting.fleet.connect(hostId);
  await setting.controller.reconcile(hostId, context.signal);
  test.same(setting.sent(), [], 'nothing is fetched for it');
  for (const node of await setting.nodes()) {
    test.match(node, { phase: 'failed', lastError: { code: 'WO_PLATFORM_MISMATCH', message: 'host cloud-1 is linux/x64/glibc, release web 1.0 has artifacts for linux/arm64', hint: /--artifact OS\/ARCH=FILE/ } });
  }
  const again = await Setting.of(test, two, forPlatforms('arm64'));
  await again.controller.fullSync(hostId);
  await change(again.store, 'hosts', hostId, { facts: facts('arm64') });
  again.fleet.connect(hostId);
  await again.controller.reconcile(hostId, context.signal);
  test.same(again.sent(), ['b 1 RUNNING', 'c 1 RUNNING'], 'once it has said it, its nodes are sent');
});
