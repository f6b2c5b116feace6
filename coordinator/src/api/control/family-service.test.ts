import t, { type Test } from 'tap';
import type { ProviderPlugin } from '@wombat/plugin-sdk';
import { durationFromMs } from '@wombat/proto';
import {
  RestartMode,
  type AddDomainRequest, type AddDomainResponse, type AttachReleaseRequest, type AttachReleaseResponse, type CreateFamilyRequest, type CreateFamilyResponse, type DeployNodesRequest, type DeployNodesResponse,
  type GetFamilyStatusRequest, type GetFamilyStatusResponse, type RemoveDomainRequest, type RemoveDomainResponse, type RemoveFamilyRequest, type RemoveFamilyResponse, type SetEnvironmentRequest, type SetEnvironmentResponse, type SetFirewallRequest, type SetFirewallResponse,
} from '@wombat/proto/control';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { isOutdated } from '../../engine/update/count-outdated.js';
import { unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { operationTools } from '../../testing/operation-tools.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { domainRow, familyRow, nodeRow, providerRow, releaseRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { familyService } from './family-service.js';

const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };

async function setting(test: Test) {
  const clock = new ManualClock();
  const store: Store = await openTestStore(test, clock);
  const directory = new FakeProviders();
  const walled = new Set<string>();
  const plugin = (driver: string): ProviderPlugin => ({ abilities: { firewall: walled.has(driver) } }) as ProviderPlugin;
  const drivers = { driver: plugin, providers: () => ['local', 'cloud'].map(plugin) };
  const service = familyService({ store, clock, ids: new CountingIds(), secrets: fakeSecrets, strategies: new FakeStrategies(), directory, drivers, fleet: new FakeFleet(), operations: operationTools(clock) });
  return {
    store, directory, clock, walled,
    create: unary<CreateFamilyRequest, CreateFamilyResponse>(service, 'createFamily'),
    status: unary<GetFamilyStatusRequest, GetFamilyStatusResponse>(service, 'getFamilyStatus'),
    firewall: unary<SetFirewallRequest, SetFirewallResponse>(service, 'setFirewall'),
    attach: unary<AttachReleaseRequest, AttachReleaseResponse>(service, 'attachRelease'),
    environment: unary<SetEnvironmentRequest, SetEnvironmentResponse>(service, 'setEnvironment'),
    addDomain: unary<AddDomainRequest, AddDomainResponse>(service, 'addDomain'),
    removeDomain: unary<RemoveDomainRequest, RemoveDomainResponse>(service, 'removeDomain'),
    deploy: unary<DeployNodesRequest, DeployNodesResponse>(service, 'deployNodes'),
    remove: unary<RemoveFamilyRequest, RemoveFamilyResponse>(service, 'removeFamily'),
  };
}

void t.test('a family is made with what was said, and sensible rest', async (test) => {
  const { store, create } = await setting(test);
  const { family } = await create({ name: 'Riak node family', bootstrap: { strategy: 'serial', options: { level: '3' } }, environment: { LANG: 'C' }, restart: { mode: RestartMode.ON_FAILURE, tries: 9, interval: undefined, delay: durationFromMs(5) } });
  test.match(family?.spec, { selector: 'random', bootstrap: { strategy: 'serial', options: { level: '3' } }, environment: { LANG: 'C' }, restart: { tries: 9 } });
  const stored = await row(store, 'families', family!.metadata!.id);
  test.match(stored.spec.restart, { mode: 'on_failure', tries: 9, intervalMs: 300_000, delayMs: 5 });
  const never = await create({ name: 'never restarted', restart: { mode: RestartMode.UNSPECIFIED, tries: 0, interval: undefined, delay: undefined } });
  test.match(never.family?.spec?.restart, { tries: 0, mode: RestartMode.ALWAYS }, 'none is not "not said"');
  test.match(Buffer.from(fakeSecrets.open(stored.id, stored.sealedCookie)).toString(), /^[0-9A-F]{48}$/, 'a cookie that shells and Erlang read alike');
  test.notMatch(JSON.stringify(family, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), /sealed/, 'which no answer holds');
  const second = await create({ name: 'second' });
  test.not((await row(store, 'families', second.family!.metadata!.id)).sealedCookie.split(':')[2], stored.sealedCookie.split(':')[2], 'each family has its own');
});

const refused: readonly [what: string, request: Partial<CreateFamilyRequest>, expected: { code: string; hint?: RegExp; message?: RegExp }][] = [
  ['no name', { name: '' }, { code: 'WO_NAME_INVALID' }],
  ['65 characters', { name: 'x'.repeat(65) }, { code: 'WO_NAME_INVALID' }],
  ['a name like an id', { name: 'fam-aaaaaaaaaaaa' }, { code: 'WO_NAME_INVALID' }],
  ['a name with blanks around it', { name: ' web' }, { code: 'WO_NAME_INVALID' }],
  ['a name with a control character', { name: 'a\u0007b' }, { code: 'WO_NAME_INVALID' }],
  ['a selector that is not there', { name: 'x', selector: 'randm' }, { code: 'WO_SELECTOR_UNKNOWN', hint: /did you mean random/ }],
  ['a strategy that is not there', { name: 'x', bootstrap: { strategy: 'mesh', options: {} } }, { code: 'WO_STRATEGY_UNKNOWN' }],
  ['an option of the wrong kind', { name: 'x', bootstrap: { strategy: 'serial', options: { level: 'high' } } }, { code: 'WO_SETTINGS_INVALID', message: /level/ }],
  ['an option out of range', { name: 'x', bootstrap: { strategy: 'serial', options: { level: '10' } } }, { code: 'WO_SETTINGS_INVALID' }],
  ['an option that nobody knows', { name: 'x', bootstrap: { strategy: 'none', options: { a: 'b' } } }, { code: 'WO_SETTINGS_INVALID', message: /a/ }],
  ['a pause that is less than none', { name: 'x', restart: { mode: RestartMode.ALWAYS, tries: 1, interval: undefined, delay: durationFromMs(-1_000) } }, { code: 'WO_INVALID_ARGUMENT', message: /restart delay/ }],
  ['a restart mode that is not there', { name: 'x', restart: { mode: 9 as RestartMode, tries: 1, interval: undefined, delay: undefined } }, { code: 'WO_INVALID_ARGUMENT', hint: /on-failure/ }],
  ['an environment name that is none', { name: 'x', environment: { 'A=B': 'c' } }, { code: 'WO_INVALID_ARGUMENT', message: /A=B/ }],
  ['a value that cannot be passed to a process', { name: 'x', environment: { A: 'b\0c' } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a secret that cannot be passed to a process', { name: 'x', secrets: { A: 'b\0c' } }, { code: 'WO_INVALID_ARGUMENT', message: /"A" holds a zero byte/ }],
  ['a secret name that is none', { name: 'x', secrets: { 'a-b': 'c' } }, { code: 'WO_INVALID_ARGUMENT', message: /a-b/ }],
  ['an empty secret', { name: 'x', secrets: { A: '' } }, { code: 'WO_INVALID_ARGUMENT', message: /empty/ }],
  ['a name that is open and secret', { name: 'x', environment: { A: 'b' }, secrets: { A: 'c' } }, { code: 'WO_INVALID_ARGUMENT', message: /twice/ }],
  ['a name that Wombat gives', { name: 'x', secrets: { WOMBAT_NODE_ID: 'c' } }, { code: 'WO_INVALID_ARGUMENT', message: /WOMBAT_/ }],
  ['a name of 129 characters', { name: 'x', environment: { ['A'.repeat(129)]: 'c' } }, { code: 'WO_INVALID_ARGUMENT' }],
  ['too many variables', { name: 'x', environment: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`A${index}`, ''])) }, { code: 'WO_INVALID_ARGUMENT', message: /257 variables, more than 256/ }],
  ['too large an environment', { name: 'x', environment: { A: 'b'.repeat(32 * 1024) } }, { code: 'WO_INVALID_ARGUMENT', message: /bytes, more than 32768/ }],
  ['too large secrets', { name: 'x', secrets: { A: 'b'.repeat(33 * 1024) } }, { code: 'WO_INVALID_ARGUMENT', message: /bytes, more than 32768/ }],
];
void t.test('families that cannot be', async (test) => {
  const { store, create } = await setting(test);
  for (const [what, request, expected] of refused) await test.rejects(create(request), expected, what);
  test.equal(await store.read.families.count({}), 0, 'none was stored');
  await create({ name: 'x' });
  await test.rejects(create({ name: 'x' }), { code: 'WO_NAME_TAKEN' }, 'a name is given once');
});

void t.test('the environment is changed name by name, its secrets are named and never shown', async (test) => {
  const { store, create, environment } = await setting(test);
  const { family } = await create({ name: 'web', environment: { A: '1', B: '2' }, secrets: { KEY: 'canary-1', OTHER: 'canary-2' } });
  const id = family!.metadata!.id;
  test.match(family?.spec, { environment: { A: '1', B: '2' }, secretNames: ['KEY', 'OTHER'] });
  const answer = await environment({ family: 'web', environment: { A: '3', OTHER: 'open now' }, secrets: { B: 'canary-3' }, unset: ['KEY'] });
  test.same(answer.family?.spec?.environment, { A: '3', OTHER: 'open now' });
  test.same(answer.family?.spec?.secretNames, ['B']);
  test.notMatch(JSON.stringify([family, answer], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), /canary/, 'no answer holds one');
  const stored = await row(store, 'families', id);
  test.equal(Buffer.from(fakeSecrets.open(`${id}/B`, stored.spec.sealedSecrets['B']!)).toString(), 'canary-3', 'sealed under its family and its name');
  const events = await store.read.events.list({ afterSequence: 0, limit: 10, familyId: id });
  test.match(events.at(-1), { type: 'family.environment', message: 'environment of web: set: A, OTHER; set secretly: B; unset: KEY' });
  test.notMatch(JSON.stringify(events), /canary|open now/);
  test.same(await store.read.familyRevisions.ids({}), [`${id}/1`], 'what it was before is kept');
  const before = await row(store, 'families', id);
  await test.rejects(environment({ family: 'web', unset: ['BB'] }), { code: 'WO_NOT_FOUND', message: /"BB"; the nearest is B/ });
  await test.rejects(environment({ family: 'web' }), { code: 'WO_INVALID_ARGUMENT', message: /nothing/ });
  await test.rejects(environment({ family: 'web', environment: { A: '1' }, unset: ['A'] }), { code: 'WO_INVALID_ARGUMENT', message: /both/ });
  await test.rejects(environment({ family: 'web', secrets: { A: 'x'.repeat(32 * 1024) } }), { code: 'WO_INVALID_ARGUMENT', message: /32768/ });
  await environment({ family: 'web', environment: { A: '9' }, mutation: dryRun });
  test.same(await row(store, 'families', id), before, 'refused or tried, nothing is changed');
});

void t.test('nodes that run with an earlier environment are counted, and theirs is kept', async (test) => {
  const { store, environment, firewall } = await setting(test);
  await put(store, 'families', familyRow({}, { environment: { A: '1' } }));
  await put(store, 'nodes', nodeRow(familyRow().id, 1), nodeRow(familyRow().id, 2), nodeRow(familyRow().id, 3, { phase: 'gone', desired: 'absent' }));
  test.equal((await environment({ family: 'family 900', environment: { A: '2' } })).outdatedNodes, 2, 'those that are there');
  await change(store, 'nodes', idNumber('node', 1), { familyGeneration: 2 });
  test.equal((await environment({ family: 'family 900', environment: { A: '1' } })).outdatedNodes, 1, 'the second has just this environment');
  await firewall({ family: 'family 900', rules: [] });
  test.same(await store.read.familyRevisions.ids({}), [1, 2, 3].map((generation) => `${familyRow().id}/${generation}`), 'what it was before is kept');
  test.match(await row(store, 'familyRevisions', `${familyRow().id}/2`), { spec: { environment: { A: '2' } } });
});

const rule = (protocol: string, fromPort: number, toPort: number, source = '') => ({ protocol, fromPort, toPort, source });
void t.test('rules that nobody enforces are kept, and that is said', async (test) => {
  const { store, firewall, walled } = await setting(test);
  await put(store, 'families', familyRow());
  const rules = [{ protocol: 'tcp', fromPort: 1, toPort: 2, source: '' }];
  const warnings = async (): Promise<string[]> => (await firewall({ family: 'family 900', rules })).warnings;
  test.match(await warnings(), [/no driver of this coordinator/], 'no driver does');
  test.same((await firewall({ family: 'family 900', rules: [] })).warnings, [], 'no rules, no warning');
  walled.add('cloud');
  test.same(await warnings(), [], 'one does, and the family has no domain yet');
  await put(store, 'providers', providerRow({ driver: 'local', name: 'here' }), providerRow({ id: idNumber('prv', 901), driver: 'cloud' }));
  await put(store, 'domains', domainRow(idNumber('fam', 900)), domainRow(idNumber('fam', 900), { providerId: idNumber('prv', 901) }, 901));
  test.match(await warnings(), [/its driver local enforces no/], 'only the provider that does not is named');
});

void t.test('firewall rules', async (test) => {
  const { store, firewall } = await setting(test);
  await put(store, 'families', familyRow());
  const wrong = [
    rule('icmp', 1, 2), rule('TCP', 1, 2), rule('tcp', 0, 5), rule('tcp', 9, 8), rule('tcp', 1, 65_536), rule('tcp', 1, 2, 'everywhere'), rule('tcp', 1, 2, '10.0.0.0'),
    rule('tcp', 1, 2, '10.0.0.0/33'), rule('tcp', 1, 2, '10.0.0.0/8; rm'), rule('tcp', 1, 2, '::1/129'), rule('tcp', 1, 2, '1.2.3.4/'),
  ];
  for (const one of wrong) await test.rejects(firewall({ family: 'family 900', rules: [rule('tcp', 1, 2), one] }), { code: 'WO_INVALID_ARGUMENT' }, JSON.stringify(one));
  test.equal((await row(store, 'families', familyRow().id)).revision, 1, 'nothing was written');
  const right = [rule('tcp', 8_096, 8_099), rule('udp', 1, 65_535, '10.0.0.0/8'), rule('tcp', 5, 5, 'fd00::/8')];
  const answer = await firewall({ family: 'family 900', rules: right });
  test.match(answer.family?.spec?.firewall, right);
  test.match(await row(store, 'families', familyRow().id), { generation: 2 });
});

void t.test('the caller is not bothered with what the controllers write', async (test) => {
  const { store, attach } = await setting(test);
  await put(store, 'families', familyRow());
  await put(store, 'releases', releaseRow());
  for (let number = 0; number < 5; number += 1) {
    const writing = change(store, 'families', familyRow().id, { cluster: { health: number % 2 ? 'one' : 'forming', parts: [] } });
    await Promise.all([attach({ family: 'family 900', release: 'web' }), writing]);
  }
  test.match((await row(store, 'families', familyRow().id)), { generation: 6, spec: { releaseId: releaseRow().id } }, 'five changes went through');
  await test.rejects(attach({ family: 'family 900', release: 'web', mutation: { requestId: '', expectedRevision: 1n, dryRun: false } }), { code: 'WO_CONFLICT' }, 'but who names a revision is held to it');
});

void t.test('domains: what the provider has, by id or name; each has its own name', async (test) => {
  const { store, addDomain, removeDomain } = await setting(test);
  await put(store, 'families', familyRow());
  await put(store, 'providers', providerRow());
  const asked = { family: 'family 900', provider: 'cloud', image: 'Image One', hardwareProfile: 'small' };
  const { domain } = await addDomain(asked);
  test.match(domain, { image: 'img', hardwareProfile: 'small', nodesPerHost: 1, weight: 1, maxHosts: 0 }, 'names become ids');
  await test.rejects(addDomain({ ...asked, image: 'imgg' }), { code: 'WO_PROVIDER_INVALID', hint: /did you mean img/ });
  await test.rejects(addDomain({ ...asked, image: '' }), { code: 'WO_INVALID_ARGUMENT', hint: /wo provider images cloud/ });
  await test.rejects(addDomain({ ...asked, family: 'other' }), { code: 'WO_NOT_FOUND' });
  await addDomain({ ...asked, mutation: dryRun });
  await removeDomain({ domain: 'cloud/1' });
  const second = await addDomain(asked);
  test.equal(second.domain?.metadata?.name, 'cloud/2', 'a name is not given again');
  await put(store, 'nodes', nodeRow(familyRow().id, 1, { domainId: second.domain!.metadata!.id }));
  await test.rejects(removeDomain({ domain: 'cloud/2' }), { code: 'WO_IN_USE', message: /web-1/ });
  test.equal(await store.read.domains.count({}), 1);
});

void t.test('deploying through the door', async (test) => {
  const { store, deploy, attach } = await setting(test);
  await put(store, 'providers', providerRow());
  await put(store, 'families', familyRow());
  await put(store, 'domains', domainRow(familyRow().id));
  await put(store, 'releases', releaseRow());
  await test.rejects(deploy({ family: 'family 900', amount: 2 }), { code: 'WO_NO_RELEASE', hint: /wo attach-release 'family 900' RELEASE/ });
  await attach({ family: 'family 900', release: 'web' });
  await test.rejects(deploy({ family: 'family 900', amount: 1, timeout: durationFromMs(-1) }), { code: 'WO_INVALID_ARGUMENT', message: /timeout/ });
  await test.rejects(deploy({ family: 'family 900', amount: 101 }), { code: 'WO_AMOUNT_INVALID', message: /from 1 to 100/ }, 'the limit of this coordinator');
  const { operation } = await deploy({ family: 'family 900', amount: 2, timeout: durationFromMs(5_000) });
  test.match(operation, { principal: 'ada', progress: { total: 2 } });
  const stored = await row(store, 'operations', operation!.metadata!.id);
  test.equal(stored.deadline! - stored.createdAt, 5_000);
});

void t.test('status: counts, what is not as wanted first, and why', async (test) => {
  const { store, status } = await setting(test);
  await put(store, 'families', familyRow());
  const lastError = { code: 'WO_NODE_EXITED', message: 'exit code 1', hint: 'see its log' };
  await put(store, 'nodes', nodeRow(familyRow().id, 1), nodeRow(familyRow().id, 2, { phase: 'stopped', desired: 'stopped' }), nodeRow(familyRow().id, 3, { phase: 'failed', lastError, logTail: 'boom', operationId: 'op-x' }), nodeRow(familyRow().id, 4, { phase: 'gone' }));
  const answer = await status({ family: 'family 900' });
  test.same(answer.phases, { running: 1, stopped: 1, failed: 1 });
  test.equal(answer.wantedRunning, 2);
  test.same(answer.nodes.map((node) => node.metadata?.name), ['web-3', 'web-1', 'web-2']);
  test.match(answer.lastFailure, { nodeId: idNumber('node', 3), operationId: 'op-x', logTail: 'boom', error: { code: 'WO_NODE_EXITED' } });
});

void t.test('status counts nodes that have what the family said before, and no others', async (test) => {
  const { store, status, environment, firewall, attach } = await setting(test);
  const outdated = async (): Promise<number> => {
    const found = await row(store, 'families', familyRow().id);
    const { outdatedNodes } = await status({ family: 'family 900' });
    const each = await Promise.all([1, 2, 3].map(async (number) => isOutdated(store.read, found, await row(store, 'nodes', idNumber('node', number)))));
    test.equal(each.filter(Boolean).length, outdatedNodes, 'each node by itself says the same');
    return outdatedNodes;
  };
  await put(store, 'releases', releaseRow(), releaseRow({ id: idNumber('rel', 901), version: '2.0' }));
  await put(store, 'families', familyRow({}, { releaseId: idNumber('rel', 900) }));
  await put(store, 'nodes', nodeRow(familyRow().id, 1), nodeRow(familyRow().id, 2, { phase: 'stopped', desired: 'stopped' }), nodeRow(familyRow().id, 3, { phase: 'stopping', desired: 'absent' }), nodeRow(familyRow().id, 4, { phase: 'gone' }));
  test.equal(await outdated(), 0);
  await firewall({ family: 'family 900', rules: [] });
  await environment({ family: 'family 900', environment: { A: '1' } });
  test.equal(await outdated(), 2, 'the one that is stopped too, not those that go');
  await change(store, 'nodes', idNumber('node', 1), { familyGeneration: (await row(store, 'families', familyRow().id)).generation });
  test.equal(await outdated(), 1);
  await environment({ family: 'family 900', unset: ['A'] });
  test.equal(await outdated(), 1, 'an older number that says the same is not outdated');
  await attach({ family: 'family 900', release: idNumber('rel', 901) });
  test.equal(await outdated(), 2);
  await change(store, 'nodes', idNumber('node', 2), { releaseId: idNumber('rel', 901) });
  test.equal(await outdated(), 1, 'what was deployed with another release than its revision named');
});

void t.test('a family with nodes is not removed; without, its domains go with it', async (test) => {
  const { store, remove } = await setting(test);
  await put(store, 'families', familyRow());
  await put(store, 'domains', domainRow(familyRow().id), domainRow(idNumber('fam', 1), {}, 901));
  await put(store, 'nodes', nodeRow(familyRow().id, 1));
  await test.rejects(remove({ family: 'family 900' }), { code: 'WO_IN_USE', message: /web-1/ });
  await change(store, 'nodes', idNumber('node', 1), { phase: 'gone' });
  await remove({ family: 'family 900', mutation: dryRun });
  test.equal(await store.read.families.count({}), 1, 'a dry run removes nothing');
  await remove({ family: 'family 900' });
  test.equal(await store.read.families.count({}), 0);
  test.same((await store.read.domains.find({})).map((domain) => domain.familyId), [idNumber('fam', 1)], 'those of others stay');
  test.same(await eventsAfter(store), ['family.removed family 900 removed']);
});
