import t from 'tap';
import type { WombatError } from '@wombat/proto';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Kind } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { domainRow, familyRow, hostRow, nodeRow, releaseRow } from '../testing/rows.js';
import { openTestStore, put } from '../testing/test-store.js';
import { findObject } from './find-object.js';
import { resolveTargets } from './jobs/resolve-targets.js';
import { nearestName } from './nearest-name.js';

void t.test('id, name, prefix: in this order', async (test) => {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  // One node is called as another's id begins.
  await put(store, 'nodes', nodeRow('fam-aaaaaaaaaaaa', 1, { name: 'node-aaaaaaaaaaac' }), nodeRow('fam-aaaaaaaaaaaa', 2), nodeRow('fam-aaaaaaaaaaaa', 40, { id: 'node-zaaaaaaaaaaa', name: 'node-aaa' }));
  const found = async (reference: string): Promise<string> => (await findObject(store.read, 'nodes', reference)).id;
  test.equal(await found(idNumber('node', 2)), idNumber('node', 2), 'an exact id comes before a name that is the same text');
  test.equal(await found('web-2'), idNumber('node', 2), 'an exact name');
  test.equal(await found('node-aaa'), 'node-zaaaaaaaaaaa', 'an exact name comes before prefixes of ids');
  test.equal(await found('node-z'), 'node-zaaaaaaaaaaa', 'a prefix that fits one');
  await test.rejects(found('node-aa'), { code: 'WO_AMBIGUOUS' }, 'a prefix that fits several');
  await test.rejects(found('no'), { code: 'WO_NOT_FOUND' }, 'two characters are no prefix');
  await test.rejects(found('web'), { code: 'WO_NOT_FOUND', hint: /wo node list/ }, 'names have no prefixes');
  await test.rejects(found(`x${'y'.repeat(5_000)}`), { message: /^.{1,200}$/ }, 'a long reference is not told back whole');
});

void t.test('of releases of one name the newest is meant, domains must be told apart', async (test) => {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'releases', releaseRow({ version: '1' }));
  await clock.advance(10);
  await put(store, 'releases', releaseRow({ id: idNumber('rel', 1), version: '2' }));
  test.equal((await findObject(store.read, 'releases', 'web')).version, '2');
  test.equal((await findObject(store.read, 'releases', 'web 1')).version, '1', 'a version as lists show it');
  test.equal((await findObject(store.read, 'releases', 'web@1')).version, '1', 'a version behind an @');
  await test.rejects(findObject(store.read, 'releases', 'web@3'), { code: 'WO_NOT_FOUND' }, 'no other version is taken for it');
  await put(store, 'families', familyRow({}, {}, 1), familyRow({}, {}, 2));
  await put(store, 'domains', domainRow(idNumber('fam', 1), { name: 'cloud/1' }, 1), domainRow(idNumber('fam', 2), { name: 'cloud/1' }, 2), domainRow(idNumber('fam', 2), { name: 'cloud/2' }, 3));
  test.equal((await findObject(store.read, 'domains', 'cloud/2')).id, idNumber('dom', 3));
  await test.rejects(findObject(store.read, 'domains', 'cloud/1'), { code: 'WO_AMBIGUOUS', hint: new RegExp(idNumber('dom', 1)) }, 'or the domain of another family would be removed');
});

void t.test('a mistyped name is answered with the nearest there is', async (test) => {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'families', familyRow({ name: 'Riak node family' }, {}, 1), familyRow({ name: 'api' }, {}, 2));
  await put(store, 'releases', releaseRow({ name: 'shop' }));
  await put(store, 'nodes', nodeRow(idNumber('fam', 1), 1, { name: 'riak-1' }), nodeRow(idNumber('fam', 1), 2, { name: 'rabbit-1', phase: 'gone' }));
  await put(store, 'hosts', hostRow(1, { name: 'cloud-77' }));
  await put(store, 'domains', domainRow(idNumber('fam', 1), { name: 'cloud/1' }));
  const hintFor = async (kind: Kind, reference: string): Promise<string | undefined> => {
    return findObject(store.read, kind, reference).then(() => 'found', (error: WombatError) => (error.code === 'WO_NOT_FOUND' ? error.hint : error.code));
  };
  test.match(await hintFor('families', 'riak node familly'), /^did you mean "Riak node family"\? see those there are: wo family list$/, 'a letter too many, and small letters');
  test.match(await hintFor('releases', 'shpo'), /^did you mean "shop"/, 'two letters that changed places');
  test.match(await hintFor('nodes', 'raik-1'), /^did you mean "riak-1"/, 'of a node');
  test.match(await hintFor('hosts', 'cluod-77'), /^did you mean "cloud-77"/, 'of a host');
  test.match(await hintFor('domains', 'cloud/2'), /^did you mean "cloud\/1"/, 'of a domain');
  test.equal(await hintFor('nodes', 'rabit-1'), 'see those there are: wo node list', 'what is gone is not proposed');
  test.equal(await hintFor('families', 'something else'), 'see those there are: wo family list', 'nothing is near');
  test.equal(await hintFor('nodes', idNumber('node', 7)), 'see those there are: wo node list', 'an id is no name with an error in it');
  await test.rejects(resolveTargets(store.read, { expression: 'cluod-77' }), { code: 'WO_NOT_FOUND', hint: /^did you mean "cloud-77"\? see what there is: wo status$/ }, 'a target may be a host');
  await test.rejects(resolveTargets(store.read, { expression: 'ap' }), { code: 'WO_NOT_FOUND', hint: /^did you mean "api"/ }, 'or a family');
});

void t.test('among very many names only those about the mistyped one are looked at', async (test) => {
  const store = await openTestStore(test, new ManualClock());
  const many = Array.from({ length: 5_000 }, (_, index) => nodeRow('fam-aaaaaaaaaaaa', index, { name: `node-of-web-${String(index).padStart(4, '0')}` }));
  await put(store, 'nodes', ...many, nodeRow('fam-aaaaaaaaaaaa', 6_000, { name: 'zebra' }));
  test.equal((await store.read.nodes.namesAround('node-of-web-2500x', 500)).length, 1_000, 'so many names are read, however many there are');
  test.equal(await nearestName(store.read, ['nodes'], 'node-of-web-2500x'), 'node-of-web-2500', 'names begin alike');
  test.equal(await nearestName(store.read, ['nodes'], 'zerba'), 'zebra', 'at the end of all names');
});
