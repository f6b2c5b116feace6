import t from 'tap';
import { connectedParts } from './connected-parts.js';

void t.test('a full mesh is one part', async (test) => {
  const names = ['a', 'b', 'c'];
  test.same(connectedParts(new Map(names.map((name) => [name, names]))), [['a', 'b', 'c']]);
});

void t.test('a chain is one part too', async (test) => {
  test.same(connectedParts(new Map([['a', ['b']], ['b', ['a', 'c']], ['c', ['b']]])), [['a', 'b', 'c']]);
});

void t.test('nodes that do not see each other are parts, the largest first', async (test) => {
  test.same(connectedParts(new Map([['a', ['a']], ['b', ['b', 'c']], ['c', ['b', 'c']]])), [['b', 'c'], ['a']]);
});

void t.test('a name outside the family connects nobody', async (test) => {
  test.same(connectedParts(new Map([['a', ['stranger']], ['b', ['stranger']]])), [['a'], ['b']]);
});
