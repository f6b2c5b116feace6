import { join } from 'node:path';
import t, { type Test } from 'tap';
import { durationFromMs } from '@wombat/proto';
import type {
  CreateOperatorTokenRequest, CreateOperatorTokenResponse, ListOperatorTokensRequest, ListOperatorTokensResponse, RevokeOperatorTokenRequest, RevokeOperatorTokenResponse,
} from '@wombat/proto/control';
import { HeldClock, openTestOperators } from '../../auth/testing.js';
import { openSqliteStore } from '../../store/sqlite/open.js';
import { unary } from '../../testing/calls.js';
import { eventsAfter } from '../../testing/test-store.js';
import { operatorService } from './operator-service.js';

const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };
const dayMs = 24 * 60 * 60 * 1000;

async function setting(test: Test) {
  const clock = new HeldClock();
  const directory = test.testdir();
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock });
  test.teardown(() => store.close());
  const people = await openTestOperators(test, store, directory, { clock });
  const service = operatorService({ store, clock, operators: people.operators, uses: people.uses });
  return {
    store, clock, people,
    create: unary<CreateOperatorTokenRequest, CreateOperatorTokenResponse>(service, 'createOperatorToken'),
    list: unary<ListOperatorTokensRequest, ListOperatorTokensResponse>(service, 'listOperatorTokens'),
    revoke: unary<RevokeOperatorTokenRequest, RevokeOperatorTokenResponse>(service, 'revokeOperatorToken'),
  };
}

const bundles: readonly [roles: readonly string[], permissions: readonly string[], shown: readonly string[]][] = [
  [['viewer'], ['read'], ['viewer']],
  [['deployer'], ['read', 'write'], ['deployer']],
  [['exec'], ['read', 'exec'], ['exec']],
  [['console'], ['read', 'console'], ['console']],
  [['exec', 'deployer', 'viewer'], ['read', 'write', 'exec'], ['deployer', 'exec']],
  [['admin', 'viewer'], ['read', 'write', 'exec', 'console', 'admin'], ['admin']],
];
void t.test('a token has the permissions of its roles, and lets its owner in', async (test) => {
  const { people, create } = await setting(test);
  for (const [roles, permissions, shown] of bundles) {
    const name = roles.join(' ');
    const { operatorToken, token } = await create({ name, roles: [...roles] });
    test.match(people.gate.admit(`Bearer ${token}`, '127.0.0.1:1'), { name, permissions }, name);
    test.same([operatorToken?.permissions, operatorToken?.roles, operatorToken?.createdBy], [permissions, shown, 'ada'], `${name}, as it is shown`);
  }
});

void t.test('the list tells who, until when and when last, and no answer but the first holds the text', async (test) => {
  const { store, clock, people, create, list, revoke } = await setting(test);
  const { token, operatorToken } = await create({ name: 'ci', roles: ['viewer'], validFor: durationFromMs(dayMs) });
  test.equal(operatorToken?.expiresAt?.getTime(), clock.now() + dayMs, 'as long as asked for');
  const { operatorToken: usual } = await create({ name: 'usual', roles: ['viewer'] });
  test.equal(usual?.expiresAt?.getTime(), clock.now() + 30 * dayMs, 'thirty days when nothing is said');
  people.gate.admit(`Bearer ${token}`, '10.0.0.9:1234');
  const { operatorTokens } = await list({ page: { pageSize: 0, pageToken: '', filter: 'name=ci', orderBy: '' } });
  test.match(operatorTokens, [{ lastUsedFrom: '10.0.0.9', roles: ['viewer'], createdBy: 'ada' }], 'its last use');
  const everywhere = JSON.stringify([await list({}), await revoke({ operatorToken: 'ci' }), await store.read.operatorTokens.find({}), await store.read.events.list({ afterSequence: 0, limit: 100 })], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  test.notOk(everywhere.includes(token.slice(5)), 'neither in answers nor in the store nor in events');
  test.same((await eventsAfter(store)).slice(-3), ['operator.token-created ci created', 'operator.token-created usual created', 'operator.token-revoked ci revoked'], 'what happened');
});

const refused: readonly [what: string, request: Partial<CreateOperatorTokenRequest>, expected: { code: string; hint?: RegExp }][] = [
  ['no role', { name: 'x' }, { code: 'WO_INVALID_ARGUMENT', hint: /viewer, deployer, exec, console, admin/ }],
  ['a slip of the pen', { name: 'x', roles: ['deploy'] }, { code: 'WO_INVALID_ARGUMENT', hint: /did you mean deployer/ }],
  ['a name of every object', { name: 'x', roles: ['constructor'] }, { code: 'WO_INVALID_ARGUMENT' }],
  ['a name like an id', { name: 'opr-aaaaaaaaaaaa', roles: ['viewer'] }, { code: 'WO_NAME_INVALID' }],
  ['a name that is taken', { name: 'operator', roles: ['viewer'] }, { code: 'WO_NAME_TAKEN' }],
  ['less than no time', { name: 'x', roles: ['viewer'], validFor: durationFromMs(-1) }, { code: 'WO_INVALID_ARGUMENT' }],
  ['eleven years', { name: 'x', roles: ['viewer'], validFor: durationFromMs(4_000 * dayMs) }, { code: 'WO_INVALID_ARGUMENT' }],
];
void t.test('tokens that cannot be, and dry runs, make nothing', async (test) => {
  const { store, people, create, revoke } = await setting(test);
  for (const [what, request, expected] of refused) await test.rejects(create(request), expected, what);
  const planned = await create({ name: 'x', roles: ['viewer'], mutation: dryRun });
  test.same([planned.token, planned.operatorToken?.roles], ['', ['viewer']], 'a dry run shows no text: nobody would know it');
  test.equal(await store.read.operatorTokens.count({}), 1, 'the first operator alone');
  await test.rejects(revoke({ operatorToken: 'operator' }), { code: 'WO_LAST_ADMIN' }, 'the last administrator');
  await create({ name: 'second', roles: ['admin'] });
  await revoke({ operatorToken: 'operator', mutation: dryRun });
  test.same(people.operators.authenticate((await create({ name: 'third', roles: ['viewer'] })).token).name, 'third', 'tokens still work');
  test.equal((await store.read.operatorTokens.find({ name: 'operator' }))[0]?.revokedAt, undefined, 'a dry run revokes nothing');
});
