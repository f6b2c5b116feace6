import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock, wombatVersion } from '@wombat/proto';
import { Facts, Sample } from '@wombat/proto/agent';
import { FindingLevel, type Finding } from '@wombat/proto/control';
import { armFailpoints } from '@wombat/proto/failpoints';
import { placeOf } from '../domain/healing/domain-place.js';
import type { Host } from '../domain/model/host.js';
import { domainRow, familyRow, hostRow, nodeRow } from '../testing/rows.js';
import { openTestStore, put, row } from '../testing/test-store.js';
import { openSqliteStore } from '../store/sqlite/open.js';
import { sqlitePlace } from '../store/sqlite/place.js';
import { certificateFindings, failpointFindings, judgeDisk, permissionsFinding, storeFinding } from './coordinator-checks.js';
import { familyFindings, healingFindings, silenceFindings } from './fleet-checks.js';
import { hostFindings, type HostState } from './host-checks.js';


const { PASS, WARN, FAIL } = FindingLevel;
const [minuteMs, dayMs, gib] = [60_000, 86_400_000, 1024 ** 3];
const levels = (findings: readonly Finding[]): Record<string, FindingLevel> => Object.fromEntries(findings.map(({ check, level }) => [check, level]));

t.test('a disk with room, with little, and with none', async (t) => {
  t.equal(judgeDisk('coordinator', 50 * gib, 100 * gib).level, PASS);
  t.equal(judgeDisk('coordinator', 4 * gib, 100 * gib).level, WARN, 'less than a twentieth');
  t.match(judgeDisk('coordinator', 50 * 1024 ** 2, 100 * gib), { level: FAIL, code: 'WO_DISK_FULL', hint: /free space/ });
});

t.test('a key that others may read is named, with what to type', async (t) => {
  const directory = t.testdir({});
  chmodSync(directory, 0o700);
  writeFileSync(join(directory, 'secrets.key'), '', { mode: 0o600 });
  t.equal((await permissionsFinding(directory)).level, PASS);
  mkdirSync(join(directory, 'ca'));
  writeFileSync(join(directory, 'ca', 'ca.key'), '');
  chmodSync(join(directory, 'ca', 'ca.key'), 0o644);
  t.match(await permissionsFinding(directory), { level: FAIL, hint: `chmod go= ${join(directory, 'ca/ca.key')}` });
});

t.test('certificates are told of before they end', async (t) => {
  const now = Date.now();
  t.same(levels(certificateFindings(now, { notAfter: now + 5 * dayMs }, { notAfter: now + 3_000 * dayMs })), { certificate: PASS, authority: PASS });
  t.same(levels(certificateFindings(now, { notAfter: now + dayMs / 2 }, { notAfter: now + 30 * dayMs })), { certificate: FAIL, authority: WARN });
});

t.test('a store that is damaged is found by reading it', async (t) => {
  const file = join(t.testdir({}), 'wombat.db');
  await (await openSqliteStore({ file, clock: systemClock })).close();
  const { check, description } = sqlitePlace(file, systemClock);
  t.match(storeFinding(description, await check()), { level: PASS }, 'a good one');
  for (const beside of ['-wal', '-shm']) rmSync(`${file}${beside}`, { force: true });
  writeFileSync(file, Buffer.alloc(8192, 7));
  t.match(storeFinding(description, await check()), { level: FAIL, code: 'WO_STORE_UNUSABLE', message: /damaged: / }, 'a damaged one');
});

t.test('a coordinator that is made to fail says so', async (t) => {
  t.same(failpointFindings(), [], 'nothing is told where nothing is armed');
  armFailpoints('agent.unpack.before=crash');
  t.teardown(() => void armFailpoints(undefined));
  t.match(failpointFindings(), [{ level: WARN, message: /agent.unpack.before=crash/, hint: /WOMBAT_FAILPOINTS/ }]);
});

const facts = Facts.toJSON(Facts.fromPartial({ agentVersion: wombatVersion, memoryBytes: BigInt(8 * gib), erts: [{ version: '13.1', otpRelease: '25', path: '/usr' }] }));
const sample = Sample.fromPartial({ memoryAvailableBytes: BigInt(4 * gib), diskFreeBytes: BigInt(50 * gib) });

function state(more: Partial<HostState> = {}, host: Partial<Host> = {}): HostState {
  return { host: { ...hostRow(1, { facts, ...host }), revision: 1, createdAt: 0, updatedAt: 0 }, isConnected: true, sample, clockSkewMs: 20, ...more };
}

t.test('a host: what its agent told is judged', async (t) => {
  t.same(levels(hostFindings(state())), { session: PASS, version: PASS, erlang: PASS, disk: PASS, memory: PASS, clock: PASS }, 'all is well');
  t.match(hostFindings(state({ clockSkewMs: -6 * minuteMs })).at(-1), { level: FAIL, code: 'WO_CLOCK_SKEW', message: /360 s behind/ }, 'beyond five minutes');
  t.match(hostFindings(state({ clockSkewMs: 8_000 })).at(-1), { level: WARN, message: /8 s ahead/ });
  const old = Facts.toJSON({ ...Facts.fromJSON(facts), agentVersion: '9.0.0' });
  t.equal(levels(hostFindings(state({}, { facts: old })))['version'], FAIL, 'too far apart in version');
  t.equal(levels(hostFindings(state({ sample: { ...sample, memoryAvailableBytes: 1n } })))['memory'], WARN);
  t.match(hostFindings(state({ isConnected: false }, { phase: 'unknown', lastSeenAt: 0 })), [{ check: 'session', level: FAIL, code: 'WO_HOST_UNREACHABLE', message: /1970/ }], 'a silent one');
  t.match(hostFindings(state({ isConnected: false }, { phase: 'booting' })), [{ check: 'session', level: WARN }], 'one that is on its way');
  t.match(hostFindings(state({}, { unknownNodeIds: ['node-aaaaaaaaaaaa'] })).at(-1), { check: 'unknown nodes', level: WARN, hint: /wo host remove/ });
});

t.test('hosts that are silent and hosts that are lost are told apart', async (t) => {
  const of = (number: number, phase: Host['phase']): Host => ({ ...hostRow(number, { phase }), revision: 1, createdAt: 0, updatedAt: 0 });
  t.match(silenceFindings([of(1, 'up'), of(2, 'up')]), [{ level: PASS, message: '2 hosts, none silent' }]);
  t.match(silenceFindings([of(1, 'up'), of(2, 'unknown'), of(3, 'lost')]), [
    { level: WARN, message: '1 of 3 hosts are silent: cloud-2' }, { level: WARN, message: '1 of 3 hosts are lost: cloud-3', hint: /wo host replace cloud-3/ },
  ]);
});

t.test('a family with failed nodes, one that is split, and a brake that is held are warned of', async (t) => {
  const store = await openTestStore(t, systemClock);
  const [well, ill] = [familyRow({}, {}, 1), familyRow({ cluster: { health: 'split', parts: [['a'], ['b']] } }, {}, 2)];
  await put(store, 'families', well, ill);
  await put(store, 'nodes', nodeRow(well.id, 1), nodeRow(ill.id, 2, { phase: 'failed' }));
  t.match(await familyFindings(store.read), [
    { level: WARN, subject: 'family 2', check: 'nodes', message: '1 of its nodes has failed' }, { level: WARN, subject: 'family 2', check: 'cluster', code: 'WO_CLUSTER_SPLIT' },
  ]);
  const hosts = [1, 2, 3].map((number): Host => ({ ...hostRow(number, { phase: number === 1 ? 'up' : 'lost' }), revision: 1, createdAt: 0, updatedAt: 0 }));
  t.same(await healingFindings(store.read, hosts), [], 'nothing is held');
  const domain = domainRow(well.id);
  await put(store, 'domains', domain);
  const place = placeOf(await row(store, 'domains', domain.id));
  await store.transaction((transaction) => transaction.meta.set('healing.brakes', JSON.stringify({ [place]: { name: 'cloud: small of img', since: 0 } })));
  t.match(await healingFindings(store.read, hosts), [{
    level: WARN, code: 'WO_HEALING_HELD', message: /cloud: small of img are silent: no node there is replaced until less than 20 % are, since 1970/,
    hint: 'see what is wrong with the network or the provider: wo host list; a machine that is gone for good counts until it is given up: wo host replace cloud-2 --fenced',
  }]);
});
