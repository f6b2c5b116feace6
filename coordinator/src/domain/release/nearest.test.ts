import t from 'tap';
import { nearest, nearestText } from './nearest.js';

t.test('names the candidate that was meant', (t) => {
  t.equal(nearest('etc/vm.arg', ['bin/run', 'etc/vm.args', 'etc/app.config']), 'etc/vm.args', 'a letter missing');
  t.equal(nearest('etc/vm.args', ['bin/run', 'releases/1.0/vm.args']), 'releases/1.0/vm.args', 'the right name in another folder');
  t.equal(nearest('node.nmae', ['node.name', 'node.id']), 'node.name', 'letters swapped');
  t.equal(nearest('abc', ['something/else/altogether']), undefined, 'nothing is near');
  t.equal(nearest('x', []), undefined);
  t.equal(nearestText('bin/rn', ['bin/run']), '; the nearest is bin/run');
  t.equal(nearestText('bin/rn', []), '');
  t.end();
});
