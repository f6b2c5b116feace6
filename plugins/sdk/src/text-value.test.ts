import t from 'tap';
import { readTextValue } from './text-value.js';

const cases: readonly [string, Parameters<typeof readTextValue>[1], unknown][] = [
  ['12', { type: 'number' }, 12],
  ['-1.5', { type: 'number' }, -1.5],
  [' 3 ', { type: 'integer' }, 3],
  ['', { type: 'number' }, ''],
  ['12px', { type: 'number' }, '12px'],
  ['Infinity', { type: 'number' }, 'Infinity'],
  ['true', { type: 'boolean' }, true],
  ['Off', { type: 'boolean' }, false],
  ['perhaps', { type: 'boolean' }, 'perhaps'],
  ['1', { anyOf: [{ type: 'number' }, { type: 'boolean' }] }, 1],
  ['12', { type: ['number', 'string'] }, '12'],
  ['12', {}, '12'],
  ['', { type: 'array' }, []],
  ['a,b', { type: 'array' }, ['a', 'b']],
  ['1, 2', { type: 'array', items: { type: 'number' } }, [1, 2]],
  ['["a,b"]', { type: 'array', items: { type: 'string' } }, ['a,b']],
  ['[', { type: 'array' }, '['],
  ['1,2', { oneOf: [{ type: 'null' }, { type: 'array', items: { type: 'integer' } }] }, [1, 2]],
  ['{"a":1}', { type: 'object' }, { a: 1 }],
  ['null', { type: 'null' }, 'null'],
];

for (const [text, schema, value] of cases) {
  t.strictSame(readTextValue(text, schema), value, `${JSON.stringify(text)} as ${JSON.stringify(schema)}`);
}
