import t from 'tap';
import { WombatError } from '@wombat/proto';
import type { PageRequest } from '@wombat/proto/control';
import { pageQuery, type FilterFields } from './paging.js';

const fields: FilterFields<'nodes'> = {
  family: { field: 'familyId', resolve: async (text) => {
    if (text === 'nobody') throw new WombatError('WO_NOT_FOUND', 'no such family');
    return `id of ${text}`;
  } },
  phase: { field: 'phase', values: ['running', 'stopped', 'failed'] },
};
const ask = (request: Partial<PageRequest>) => pageQuery<'nodes'>({ pageSize: 0, pageToken: '', filter: '', orderBy: '', ...request }, fields, { phase: ['running', 'stopped'] });

const queries: readonly [what: string, request: Partial<PageRequest>, expected: object][] = [
  ['nothing', {}, { where: { phase: ['running', 'stopped'] }, pageSize: 100, orderBy: 'createdAt', descending: false }],
  ['one field', { filter: 'phase=failed' }, { where: { phase: 'failed' } }],
  ['a field that is resolved', { filter: 'family=web' }, { where: { familyId: 'id of web', phase: ['running', 'stopped'] } }],
  ['two fields, with blanks', { filter: ' family = web , phase=failed ,' }, { where: { familyId: 'id of web', phase: 'failed' } }],
  ['a field twice', { filter: 'phase=failed,phase=running' }, { where: { phase: ['failed', 'running'] } }],
  ['a value with an equals sign', { filter: 'family=a=b' }, { where: { familyId: 'id of a=b' } }],
  ['a page too large', { pageSize: 5_000 }, { pageSize: 1_000 }],
  ['a token', { pageToken: 'abc' }, { pageToken: 'abc' }],
  ['an order', { orderBy: 'name desc' }, { orderBy: 'name', descending: true }],
];
void t.test('what a list request means', async (test) => {
  for (const [what, request, expected] of queries) test.match(await ask(request), expected, what);
  test.match(await pageQuery<'nodes'>(undefined, fields), { where: {}, pageSize: 100 }, 'no request at all');
});

const refused: readonly [request: Partial<PageRequest>, expected: { code: string; hint?: RegExp }][] = [
  [{ orderBy: 'desc' }, { code: 'WO_INVALID_ARGUMENT' }],
  [{ filter: 'colour=red' }, { code: 'WO_INVALID_ARGUMENT', hint: /family, phase/ }],
  [{ filter: 'phase=runing' }, { code: 'WO_INVALID_ARGUMENT', hint: /did you mean running/ }],
  [{ filter: 'phase=%' }, { code: 'WO_INVALID_ARGUMENT', hint: /one of running, stopped, failed/ }],
  [{ filter: 'phase' }, { code: 'WO_INVALID_ARGUMENT' }],
  [{ filter: '=x' }, { code: 'WO_INVALID_ARGUMENT' }],
  [{ filter: 'constructor=x' }, { code: 'WO_INVALID_ARGUMENT' }],
  [{ filter: '__proto__=x' }, { code: 'WO_INVALID_ARGUMENT' }],
  [{ filter: 'family=nobody' }, { code: 'WO_NOT_FOUND' }],
  [{ orderBy: 'colour' }, { code: 'WO_INVALID_ARGUMENT', hint: /created_at or name/ }],
  [{ orderBy: 'name; drop table nodes' }, { code: 'WO_INVALID_ARGUMENT' }],
];
void t.test('what no list understands', async (test) => {
  for (const [request, expected] of refused) await test.rejects(ask(request), expected, JSON.stringify(request));
});
