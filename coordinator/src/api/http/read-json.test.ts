import t from 'tap';
import { readJson } from './read-json.js';

void t.test('bodies as they are meant', async (test) => {
  test.same(readJson(' '), {});
  test.same(readJson('{"name": "a [b] {c} \\"[", "list": [1, {"x": []}]}'), { name: 'a [b] {c} "[', list: [1, { x: [] }] }, 'brackets in texts do not count');
  test.same(readJson(`[${'[],'.repeat(1_000)}[]]`), [...Array.from({ length: 1_001 }, () => [])], 'many are not deep');
  test.throws(() => readJson('{'), SyntaxError);
});

void t.test('what no message can be is refused before it is walked through', async (test) => {
  test.throws(() => readJson('['.repeat(2_000_000)), { code: 'WO_INVALID_ARGUMENT', message: /nested/ });
  test.throws(() => readJson(`{"mutation": {"expectedRevision": "${'9'.repeat(4_000_000)}"}}`), { code: 'WO_INVALID_ARGUMENT', message: /digits/ });
  test.throws(() => readJson(`{"x": "${'\\\\'.repeat(500_000)}`), SyntaxError, 'a text that never ends');
});
