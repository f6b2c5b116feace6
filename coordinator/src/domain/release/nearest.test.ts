import t from 'tap';
import { nearestText } from './nearest.js';

t.test('names the candidate that was meant', async (t) => {
  t.equal(nearestText('etc/vm.arg', ['bin/run', 'etc/vm.args', 'etc/app.config']), '; the nearest is etc/vm.args', 'a letter missing');
  t.equal(nearestText('etc/vm.args', ['bin/run', 'releases/1.0/vm.args']), '; the nearest is releases/1.0/vm.args', 'the right name in another folder');
  t.equal(nearestText('node.nmae', ['node.name', 'node.id']), '; the nearest is node.name', 'letters swapped');
  t.equal(nearestText('something', ['else/altogether/here']), '', 'nothing is near');
  t.equal(nearestText('bin/rn', []), '');
});
