import t from 'tap';
import { groupBy } from './group-by.js';

t.test('groups and their members keep the order in which they come', async (t) => {
  const groups = groupBy([3, 1, 4, 1, 5, 9, 2, 6], (number) => (number % 2 === 0 ? 'even' : 'odd'));
  t.strictSame([...groups], [['odd', [3, 1, 1, 5, 9]], ['even', [4, 2, 6]]]);
  t.strictSame([...groupBy([], String)], []);
});
