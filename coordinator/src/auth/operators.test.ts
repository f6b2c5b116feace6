import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { randomIds, systemClock } from '@wombat/proto';
import { openSqliteStore } from '../store/sqlite/open.js';
import type { Store } from '../store/store.js';
import { Operators } from './operators.js';

async function opened(test: Test): Promise<{ store: Store; operators: Operators; directory: string }> {
  const directory = test.testdir();
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock: systemClock });
  test.teardown(() => store.close());
  const operators = new Operators({ store, clock: systemClock, ids: randomIds, directory });
  await operators.load();
  return { store, operators, directory };
}

void t.test('the first operator finds a token in a file that is only for its owner', async (test) => {
  const { store, operators, directory } = await opened(test);
  const text = (await readFile(operators.firstTokenFile, 'utf8')).trim();
  test.equal((await stat(operators.firstTokenFile)).mode & 0o777, 0o600, 'mode of the file');
  test.match(operators.authenticate(text), { kind: 'operator', name: 'operator', permissions: ['read', 'write', 'exec', 'admin'] }, 'it may do everything');
  test.notMatch(JSON.stringify(await store.read.operatorTokens.find({})), text.slice(5), 'the store has a hash only');
  const again = new Operators({ store, clock: systemClock, ids: randomIds, directory });
  await again.load();
  test.equal((await readFile(operators.firstTokenFile, 'utf8')).trim(), text, 'the next start leaves it as it is');
  test.match(again.authenticate(text), { name: 'operator' }, 'and knows it');
});

void t.test('who has no token of ours is refused in the same words', async (test) => {
  const { operators } = await opened(test);
  const messages = new Set<string>();
  for (const bearer of ['', 'x', `wop1.${'A'.repeat(43)}`, `wop1.${'A'.repeat(100_000)}`]) {
    try {
      operators.authenticate(bearer);
      test.fail(`${bearer.slice(0, 60)} was accepted`);
    } catch (error) {
      test.match(error, { code: 'WO_UNAUTHENTICATED' }, 'refused');
      messages.add((error as Error).message);
    }
  }
  test.equal(messages.size, 1, 'one wording');
});

void t.test('permissions are those of the token, and a revoked token ends at once', async (test) => {
  const { operators, store } = await opened(test);
  const { token, text } = await operators.issue('viewer', ['read']);
  test.same(operators.authenticate(text).permissions, ['read'], 'as issued');
  await store.transaction((transaction) => transaction.operatorTokens.update({ ...token, permissions: ['read', 'exec', 'fly'] }));
  test.same(operators.authenticate(text).permissions, ['read', 'exec'], 'a commit changes them; words that are no permission are nothing');
  await operators.revoke(token.id);
  test.throws(() => operators.authenticate(text), { code: 'WO_UNAUTHENTICATED' }, 'revoked');
  await test.rejects(operators.revoke('opr-aaaaaaaaaaaa'), { code: 'WO_NOT_FOUND' }, 'unknown');
});
