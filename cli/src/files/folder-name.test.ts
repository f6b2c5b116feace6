import t from 'tap';
import { folderName } from './folder-name.js';

t.test('usual names stand for themselves', (t) => {
  for (const name of ['web-1', 'riak-1.2', 'Riak node 3', 'a_b@c+d']) t.equal(folderName(name), name);
  t.end();
});

t.test('no name leads elsewhere, hides, or is another one', (t) => {
  t.equal(folderName('..'), '%2E.');
  t.equal(folderName('.hidden'), '%2Ehidden');
  t.equal(folderName('a/../b'), 'a%2F..%2Fb');
  t.equal(folderName('\u0007ü%2F'), '%07%C3%BC%252F');
  t.not(folderName('a/b'), folderName('a%2Fb'));
  t.end();
});
