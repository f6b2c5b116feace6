import t from 'tap';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import { idNumber } from '../testing/counting-ids.js';
import { domainRow, familyRow, nodeRow, releaseRow } from '../testing/rows.js';
import { openTestStore, put } from '../testing/test-store.js';
import { findObject } from './find-object.js';

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
  await put(store, 'families', familyRow({}, {}, 1), familyRow({}, {}, 2));
  await put(store, 'domains', domainRow(idNumber('fam', 1), { name: 'cloud/1' }, 1), domainRow(idNumber('fam', 2), { name: 'cloud/1' }, 2), domainRow(idNumber('fam', 2), { name: 'cloud/2' }, 3));
  test.equal((await findObject(store.read, 'domains', 'cloud/2')).id, idNumber('dom', 3));
  await test.rejects(findObject(store.read, 'domains', 'cloud/1'), { code: 'WO_AMBIGUOUS', hint: new RegExp(idNumber('dom', 1)) }, 'or the domain of another family would be removed');
});
