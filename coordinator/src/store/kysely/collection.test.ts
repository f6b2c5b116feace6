import t from 'tap';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { nodeRow } from '../../testing/rows.js';
import { change, openTestStore, put } from '../../testing/test-store.js';

void t.test('names are looked up for any number of ids', async (test) => {
  const store = await openTestStore(test, new ManualClock());
  const rows = Array.from({ length: 1_200 }, (_, index) => nodeRow('fam-a', index + 1));
  await put(store, 'nodes', ...rows);
  const names = await store.read.nodes.names([...rows.map(({ id }) => id), rows[0]!.id, 'node-nobody']);
  test.equal(names.size, 1_200, 'each once, nothing for what is not there');
  test.equal(names.get(rows[1_199]!.id), 'web-1200');
  test.same(await store.read.nodes.names([]), new Map());
});

void t.test('objects are counted by a field, and what is old is found, without being read', async (test) => {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'nodes', nodeRow('fam-a', 1), nodeRow('fam-a', 2, { phase: 'failed' }), nodeRow('fam-b', 3));
  test.same(await store.read.nodes.countBy('phase', { familyId: 'fam-a' }), { running: 1, failed: 1 }, 'by phase');
  const base = { generation: 1, observedGeneration: 0, jobId: 'job-a', hostId: '', stdout: '', stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0 };
  await put(store, 'jobTargets', { ...base, id: 'job-a/1', name: '1', targetId: '1', outcome: 'ok' });
  await put(store, 'jobTargets', { ...base, id: 'job-a/2', name: '2', targetId: '2' });
  test.same(await store.read.jobTargets.countBy('outcome', { jobId: 'job-a' }), { ok: 1, '': 1 }, 'what has no value');
  test.same((await store.read.jobTargets.find({ outcome: null })).map(({ id }) => id), ['job-a/2'], 'null: the field is not there');
  await clock.advance(1_000);
  await change(store, 'nodes', (await store.read.nodes.find({ name: 'web-1' }))[0]!.id, { ordinal: 9 });
  test.same(await store.read.nodes.stale({}, clock.now(), 10), (await store.read.nodes.find({ name: ['web-2', 'web-3'] })).map(({ id }) => id), 'what was not written since');
  test.equal((await store.read.nodes.stale({}, clock.now(), 1)).length, 1, 'no more than asked for');
  test.same(await store.read.nodes.stale({ phase: 'failed' }, clock.now() + 1, 10), (await store.read.nodes.find({ name: 'web-2' })).map(({ id }) => id), 'of some kind only');
});

void t.test('pages neither skip nor double what was there, whatever is written meanwhile', async (test) => {
  const store = await openTestStore(test, new ManualClock());
  await put(store, 'nodes', ...Array.from({ length: 25 }, (_, index) => nodeRow('fam-a', index + 1)));
  const seen: string[] = [];
  let pageToken = '';
  let added = 100;
  do {
    const page = await store.read.nodes.page({ pageSize: 7, pageToken, orderBy: 'name' });
    seen.push(...page.items.map(({ name }) => name));
    pageToken = page.nextPageToken;
    await put(store, 'nodes', nodeRow('fam-b', (added += 1), { name: `aaa-${added}` }));
  } while (pageToken !== '');
  test.same(seen, [...new Set(seen)], 'none twice');
  test.equal(seen.filter((name) => name.startsWith('web-')).length, 25, 'all that were there');
  const byName = await store.read.nodes.page({ pageSize: 1, orderBy: 'name' });
  for (const token of [byName.nextPageToken, 'x', '', Buffer.from('["created_at","x","y"]').toString('base64url')].filter(Boolean)) {
    await test.rejects(store.read.nodes.page({ pageSize: 1, pageToken: token }), { code: 'WO_INVALID_ARGUMENT' }, 'a token of another order, or of nobody');
  }
});
