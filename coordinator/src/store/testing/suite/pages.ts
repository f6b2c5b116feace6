import type { Test } from 'tap';
import { ManualClock } from '../../../fleet/testing/manual-clock.js';
import { put } from '../../../testing/test-store.js';
import type { PageQuery, Store } from '../../store.js';
import type { Implementation } from '../place.js';
import { provider } from '../rows.js';

/** In the order of their bytes in UTF-8, which is neither that of any language nor that of UTF-16. */
const ordered = ['', ' a', '-', 'A', 'B-10', 'B-9', 'B9', 'Z', '_', 'a', 'a b', 'a-b', 'aB', 'ab', 'z', '~', 'Ä', 'ß', 'ä', 'ł', '\uffee', '\u{1f43e}'];

/** Order, pages, prefixes. */
export function pageTests(t: Test, { name, place }: Implementation): void {
  void t.test(`${name}: names have the order of their bytes, in pages and around a text`, async (test) => {
    const store = await (await place(test)).open();
    await put(store, 'providers', ...ordered.map((each, index) => provider(100 - index, each)));
    test.strictSame(await pages(store, { orderBy: 'name', pageSize: 5 }), ordered, 'ascending');
    test.strictSame(await pages(store, { orderBy: 'name', pageSize: 7, descending: true }), [...ordered].reverse(), 'descending');
    test.strictSame(await store.read.providers.namesAround('a', 2), ['_', 'Z', 'a', 'a b'], 'those before, the nearest first, and those from it on');
    test.strictSame(await store.read.providers.namesAround('zz', 1), ['z', '~'], 'around a name that is not there');
  });

  void t.test(`${name}: pages neither skip nor double what was there, whatever is written meanwhile`, async (test) => {
    const clock = new ManualClock();
    const store = await (await place(test)).open(clock);
    for (let number = 1; number <= 24; number += 3) {
      await put(store, 'providers', provider(number), provider(number + 1), provider(number + 2));
      await clock.advance(1_000);
    }
    for (const orderBy of ['createdAt', 'name'] as const) {
      let added = 100;
      const seen = await pages(store, { orderBy, pageSize: 7 }, () => put(store, 'providers', provider((added += 1) + (orderBy === 'name' ? 1_000 : 0), `!${orderBy} ${added}`)));
      test.strictSame(seen, [...new Set(seen)], `none twice, by ${orderBy}`);
      test.equal(seen.filter((each) => each.startsWith('name ')).length, 24, `all that were there, by ${orderBy}`);
    }
  });

  void t.test(`${name}: a token of another order, or of nobody, is refused`, async (test) => {
    const store = await (await place(test)).open();
    await put(store, 'providers', provider(1), provider(2));
    const byName = await store.read.providers.page({ pageSize: 1, orderBy: 'name' });
    const forged = ['["created_at","x","y"]', '["created_at",1.5,"y"]', '["created_at",1e300,"y"]', '["created_at",1,"\\u0000"]'].map((text) => Buffer.from(text).toString('base64url'));
    for (const pageToken of [byName.nextPageToken, 'x', ...forged]) {
      await test.rejects(store.read.providers.page({ pageSize: 1, pageToken }), { code: 'WO_INVALID_ARGUMENT' }, Buffer.from(pageToken, 'base64url').toString());
    }
  });

  void t.test(`${name}: objects are found by the beginning of their id`, async (test) => {
    const store = await (await place(test)).open();
    await put(store, 'providers', provider(1), provider(2), provider(10), { ...provider(3), id: 'prv-zzzzzzzzzzzz' });
    const ids = async (prefix: string, limit: number): Promise<string[]> => (await store.read.providers.withPrefix(prefix, limit)).map(({ id }) => id);
    test.strictSame(await ids('prv-00000000000', 9), [provider(1).id, provider(2).id], 'two');
    test.strictSame(await ids('prv-', 3), [1, 2, 10].map((number) => provider(number).id), 'no more than asked for, in order');
    test.strictSame(await ids('PRV-', 9), [], 'capitals make another id');
    test.strictSame(await ids('prv-_', 9), [], 'nothing stands for any character');
  });
}

async function pages(store: Store, query: Omit<PageQuery<'providers'>, 'pageToken'>, meanwhile?: () => Promise<void>): Promise<string[]> {
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await store.read.providers.page({ ...query, pageToken });
    names.push(...page.items.map((item) => item.name));
    pageToken = page.nextPageToken;
    await meanwhile?.();
  } while (pageToken !== '');
  return names;
}
