import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { randomIds, systemClock, type Clock } from '@wombat/proto';
import { openSqliteStore } from '../store/sqlite/open.js';
import type { Store } from '../store/store.js';
import { change } from '../testing/test-store.js';
import { Operators } from './operators.js';
import { HeldClock, openTestOperators, type TestOperators } from './testing.js';
import { TokenUses } from './token-uses.js';

async function opened(test: Test, clock: Clock = systemClock): Promise<TestOperators & { store: Store; directory: string }> {
  const directory = test.testdir();
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock });
  test.teardown(() => store.close());
  return { store, directory, ...(await openTestOperators(test, store, directory, { clock })) };
}

void t.test('the first operator finds a token in a file that is only for its owner', async (test) => {
  const { store, operators, directory } = await opened(test);
  const text = (await readFile(operators.firstTokenFile, 'utf8')).trim();
  test.equal((await stat(operators.firstTokenFile)).mode & 0o777, 0o600, 'mode of the file');
  test.match(operators.authenticate(text), { kind: 'operator', name: 'operator', permissions: ['read', 'write', 'exec', 'console', 'admin'] }, 'it may do everything');
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
  const { store, operators, issue, revoke } = await opened(test);
  const { id, text } = await issue('viewer', ['read']);
  test.same(operators.authenticate(text).permissions, ['read'], 'as issued');
  await change(store, 'operatorTokens', id, { permissions: ['read', 'exec', 'fly'] });
  test.same(operators.authenticate(text).permissions, ['read', 'exec'], 'a commit changes them; words that are no permission are nothing');
  const told: string[] = [];
  operators.onEnded((tokenId, reason) => told.push(`${tokenId} ${reason.message}`));
  await revoke(id);
  test.throws(() => operators.authenticate(text), { code: 'WO_UNAUTHENTICATED', message: 'the token of viewer was revoked' }, 'revoked');
  test.same(told, [`${id} the token of viewer was revoked`], 'told once');
});

void t.test('a token expires, and its name is free then', async (test) => {
  const clock = new HeldClock();
  const { operators, issue } = await opened(test, clock);
  const { text } = await issue('ci', ['read'], clock.now() + 1_000);
  await test.rejects(issue('ci', ['read']), { code: 'WO_NAME_TAKEN' }, 'not before');
  clock.turn(999);
  test.match(operators.authenticate(text), { name: 'ci' }, 'good to the last');
  clock.turn(1);
  test.throws(() => operators.authenticate(text), { code: 'WO_UNAUTHENTICATED', message: 'the token of ci has expired' }, 'over');
  test.match(operators.authenticate((await issue('ci', ['write'])).text), { name: 'ci', permissions: ['write'] }, 'another of the name');
});

void t.test('the last token that may do everything is kept, and made anew where there is none', async (test) => {
  const { store, operators, directory, issue, revoke } = await opened(test);
  const first = operators.authenticate((await readFile(operators.firstTokenFile, 'utf8')).trim());
  const clock = systemClock;
  await issue('nearly', ['read', 'write', 'exec']);
  await test.rejects(revoke(first.id), { code: 'WO_LAST_ADMIN', hint: /wo operator create/ }, 'the others may not do everything');
  const second = await issue('second', ['read', 'write', 'exec', 'admin']);
  test.match(operators.authenticate(second.text), { permissions: ['read', 'write', 'exec', 'console', 'admin'] }, 'an administrator of an earlier version may also do what is new');
  await revoke(first.id);
  await test.rejects(revoke(second.id), { code: 'WO_LAST_ADMIN' }, 'now this is the last');
  await store.transaction(async (transaction) => operators.revoke(transaction, (await transaction.operatorTokens.get(second.id))!, { force: true }));
  const again = new Operators({ store, clock, ids: randomIds, directory });
  await again.load();
  test.teardown(() => again.close());
  test.match(again.authenticate((await readFile(again.firstTokenFile, 'utf8')).trim()), { name: 'operator', permissions: ['read', 'write', 'exec', 'console', 'admin'] }, 'the next start makes one');
});

void t.test('the last use of a token is known at once, and written seldom', async (test) => {
  const { store, uses, gate, operators } = await opened(test);
  const text = (await readFile(operators.firstTokenFile, 'utf8')).trim();
  const { id } = gate.admit(`Bearer ${text}`, '10.1.2.3:4567');
  test.match(uses.of(id), { from: '10.1.2.3' }, 'at once');
  test.equal(await store.read.meta.get('operators.uses'), undefined, 'without a write');
  await uses.close();
  const later = new TokenUses(store, systemClock, () => undefined);
  await later.load();
  test.match(later.of(id), { from: '10.1.2.3' }, 'the next process knows it');
  await later.close();
});
