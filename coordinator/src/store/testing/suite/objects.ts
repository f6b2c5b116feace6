import type { Test } from 'tap';
import { ManualClock } from '../../../fleet/testing/manual-clock.js';
import { nodeRow } from '../../../testing/rows.js';
import { change, put } from '../../../testing/test-store.js';
import type { Implementation } from '../place.js';
import { event, provider } from '../rows.js';

/** Single objects: written, read, asked for. */
export function objectTests(t: Test, { name, place }: Implementation): void {
  void t.test(`${name}: an object comes back as it was written, also to the next one who opens the store`, async (test) => {
    const here = await place(test);
    const store = await here.open();
    const strange = { text: 'ł€\u{1f43e}\u202e "\\\' %_ \r\n\t', nul: '\0', lone: '\ud800', deep: [{ a: [1.5, -0.25, null, true] }], big: 2 ** 53 - 1, empty: '' };
    const row = provider(1, 'Žluťoučký \u{1f43b} kůň', { settings: strange, identity: 'x'.repeat(300_000), generation: 2 ** 53 - 1 });
    const written = await store.transaction((transaction) => transaction.providers.insert(row));
    test.equal(written.revision, 1, 'a new object has revision 1');
    test.strictSame(await store.read.providers.get(row.id), written, 'read back');
    test.strictSame(await store.read.providers.find({ name: row.name }), [written], 'found by its name');
    await store.close();
    test.strictSame(await (await here.open()).read.providers.get(row.id), written, 'read back from what was kept');
  });

  void t.test(`${name}: an update needs the revision that it has seen`, async (test) => {
    const store = await (await place(test)).open();
    const first = await store.transaction((transaction) => transaction.providers.insert(provider(1)));
    const second = await store.transaction((transaction) => transaction.providers.update({ ...first, identity: 'me' }));
    test.equal(second.revision, 2, 'the revision grows');
    await test.rejects(store.transaction((transaction) => transaction.providers.update({ ...first, identity: 'other' })), { code: 'WO_CONFLICT' }, 'a stale revision is refused');
    test.equal((await store.read.providers.get(first.id))?.identity, 'me', 'and nothing was written');
    test.equal(await store.transaction((transaction) => transaction.providers.delete(first.id)), true, 'deleted');
    test.equal(await store.transaction((transaction) => transaction.providers.delete(first.id)), false, 'it was not there any more');
    await test.rejects(store.transaction((transaction) => transaction.providers.update(second)), { code: 'WO_CONFLICT' }, 'what was deleted does not come back');
  });

  void t.test(`${name}: many updates are made together, or none`, async (test) => {
    const store = await (await place(test)).open();
    const wanted = Array.from({ length: 135 }, (_, index) => nodeRow('fam-a', index + 1)).sort((a, b) => (a.id < b.id ? -1 : 1));
    const rows = await store.transaction((transaction) => transaction.nodes.insertAll(wanted));
    test.strictSame(await store.read.nodes.find({}), rows, 'what inserting many answers is what is stored');
    const failed = await store.transaction((transaction) => transaction.nodes.updateAll(rows.map((row) => ({ ...row, phase: 'failed', ordinal: row.ordinal + 1_000 }))));
    test.strictSame(await store.read.nodes.find({}), failed, 'what updating many answers is what is stored');
    test.ok(failed.every(({ revision, phase, ordinal }, index) => revision === 2 && phase === 'failed' && ordinal === rows[index]!.ordinal + 1_000), 'each with its own fields');
    const stale = failed.map((row, index) => (index === 70 ? rows[70]! : row));
    await test.rejects(store.transaction((transaction) => transaction.nodes.updateAll(stale)), { code: 'WO_CONFLICT' }, 'one of them has changed in between');
    test.strictSame(await store.read.nodes.find({}), failed, 'and nothing was written');
    test.strictSame(await store.transaction((transaction) => transaction.nodes.updateAll([])), [], 'none of them is no trouble');
  });

  void t.test(`${name}: what is known of objects without reading them whole`, async (test) => {
    const store = await (await place(test)).open();
    await put(store, 'nodes', nodeRow('fam-a', 1), nodeRow('fam-a', 2, { phase: 'failed' }), nodeRow('fam-b', 3));
    const heads = await store.read.nodes.heads({ familyId: 'fam-a' });
    const whole = await store.read.nodes.find({ familyId: 'fam-a' });
    test.strictSame(heads, whole.map(({ id, name: its, familyId, familyGeneration, releaseId, hostId, phase, operationId, desired }) => ({ id, name: its, familyId, familyGeneration, releaseId, hostId, phase, operationId, desired })), 'their names and indexed fields, in their order');
  });

  void t.test(`${name}: names are unique where they must be`, async (test) => {
    const store = await (await place(test)).open();
    await put(store, 'providers', provider(1, 'first'), provider(2, 'second'));
    const taken = { code: 'WO_NAME_TAKEN', details: { name: 'first' } };
    await test.rejects(put(store, 'providers', provider(3, 'first')), taken, 'inserted');
    await test.rejects(change(store, 'providers', provider(2).id, { name: 'first' }), taken, 'renamed');
    const swallowed = store.transaction(async (transaction) => {
      await transaction.events.append(event());
      await transaction.providers.insert(provider(3, 'first')).catch(() => undefined);
    });
    await test.rejects(swallowed, taken, 'also of a transaction that would go on nothing is kept');
    test.equal(await store.read.events.lastSequence(), 0);
    test.equal(await store.read.providers.count({}), 2);
    await put(store, 'providers', provider(3, 'First'));
    test.equal(await store.read.providers.count({ name: ['first', 'First'] }), 2, 'capitals make another name');
  });

  void t.test(`${name}: a text with NUL is refused, written or asked for`, async (test) => {
    const store = await (await place(test)).open();
    const refused = { code: 'WO_INVALID_ARGUMENT' };
    await test.rejects(put(store, 'providers', provider(1, 'a\0b')), refused, 'as a name');
    await test.rejects(store.transaction((transaction) => transaction.meta.set('a\0', 'x')), refused, 'as a key');
    await test.rejects(store.read.providers.get('prv-\0'), refused, 'as an id');
    await test.rejects(store.read.providers.find({ name: ['x', '\0'] }), refused, 'as a condition');
    await test.rejects(store.read.providers.withPrefix('\0', 1), refused, 'as a prefix');
    await test.rejects(store.read.events.list({ afterSequence: 0, limit: 1, nodeId: '\0' }), refused, 'of an event');
    await put(store, 'providers', provider(1, 'ab'));
    test.equal(await store.read.providers.count({}), 1, 'and the store goes on');
  });

  void t.test(`${name}: objects are counted by a field, and what is old is found, without being read`, async (test) => {
    const clock = new ManualClock();
    const store = await (await place(test)).open(clock);
    await put(store, 'nodes', nodeRow('fam-a', 1), nodeRow('fam-a', 2, { phase: 'failed' }), nodeRow('fam-b', 3));
    test.strictSame(await store.read.nodes.countBy('phase', { familyId: 'fam-a' }), { running: 1, failed: 1 }, 'by phase');
    const base = { generation: 1, observedGeneration: 0, jobId: 'job-a', hostId: '', stdout: '', stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0 };
    await put(store, 'jobTargets', { ...base, id: 'job-a/1', name: '1', targetId: '1', outcome: 'ok' });
    await put(store, 'jobTargets', { ...base, id: 'job-a/2', name: '2', targetId: '2' });
    test.strictSame(await store.read.jobTargets.countBy('outcome', { jobId: 'job-a' }), { ok: 1, '': 1 }, 'what has no value');
    test.strictSame(await store.read.jobTargets.ids({ outcome: null }), ['job-a/2'], 'null: the field is not there');
    const [empty, whole] = [await store.read.jobTargets.bytes({ jobId: 'job-b' }), await store.read.jobTargets.bytes({ jobId: 'job-a' })];
    await change(store, 'jobTargets', 'job-a/1', { stdout: 'x'.repeat(5_000) });
    test.strictSame([empty, (await store.read.jobTargets.bytes({ jobId: 'job-a' })) - whole], [0, 5_000], 'what they take');
    await clock.advance(1_000);
    const idOf = (number: number): string => nodeRow('', number).id;
    await change(store, 'nodes', idOf(1), { ordinal: 9 });
    test.strictSame(await store.read.nodes.stale({}, clock.now(), 10), [idOf(2), idOf(3)], 'what was not written since');
    test.strictSame(await store.read.nodes.stale({}, clock.now(), 1), [idOf(2)], 'no more than asked for');
    test.strictSame(await store.read.nodes.stale({}, clock.now(), 10, idOf(2)), [idOf(3)], 'those behind one');
    test.strictSame(await store.read.nodes.stale({ phase: 'failed' }, clock.now() + 1, 10), [idOf(2)], 'of some kind only');
  });

  void t.test(`${name}: names and ids are told of any number of objects`, async (test) => {
    const store = await (await place(test)).open();
    const rows = Array.from({ length: 1_200 }, (_, index) => nodeRow('fam-a', index + 1));
    await put(store, 'nodes', ...rows);
    const names = await store.read.nodes.names([...rows.map(({ id }) => id), rows[0]!.id, 'node-nobody']);
    test.equal(names.size, 1_200, 'each once, nothing for what is not there');
    test.equal(names.get(rows[1_199]!.id), 'web-1200');
    test.strictSame(await store.read.nodes.names([]), new Map());
    const many = await store.read.nodes.many([...rows.map(({ id }) => id), rows[0]!.id, 'node-nobody']);
    test.strictSame(many.map(({ id }) => id).sort(), rows.map(({ id }) => id).sort(), 'the objects themselves, each once');
    test.strictSame(await store.read.nodes.many([]), []);
    for (const where of [{}, { name: 'web-7' }, { name: ['web-7', 'web-8'] }, { name: [] }, { hostId: null }]) {
      test.strictSame(await store.read.nodes.ids(where), (await store.read.nodes.find(where)).map(({ id }) => id), `ids are those of the objects: ${JSON.stringify(where)}`);
    }
  });
}
