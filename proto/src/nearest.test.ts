import t from 'tap';
import { nearest, nearestHint } from './nearest.js';

t.test('the word that was meant, or none', async (t) => {
  t.equal(nearest('lsit', ['list', 'show']), 'list', 'two letters swapped');
  t.equal(nearest('amazon_ec2', ['local', 'amazon-ec2']), 'amazon-ec2');
  t.equal(nearest('OpenStack', ['openstack']), 'openstack', 'case does not count');
  t.equal(nearest('docker', ['local', 'openstack']), undefined, 'nothing is near');
  t.equal(nearest('', ['local']), undefined);
  t.equal(nearest('abc', ['abd']), 'abd', 'one letter of a short word');
  t.equal(nearest('abc', ['axd']), undefined, 'two letters of a short word');
  t.equal(nearest('x'.repeat(5_000), ['list']), undefined, 'a long text costs nothing');
});

t.test('what counts as near is the caller to say', async (t) => {
  const sameEnd = (word: string, candidate: string): boolean => word.at(-1) === candidate.at(-1);
  t.equal(nearest('aaaaaaaz', ['bbbbbbbbbbbz', 'ccc'], { isNear: sameEnd }), 'bbbbbbbbbbbz');
  t.equal(nearest('abcdefghij', ['abcdexxxxx'], { tolerance: 0.6 }), 'abcdexxxxx', 'half of it may be wrong');
});

t.test('the hint about an unknown word', async (t) => {
  t.equal(nearestHint('lsit', ['list'], 'see wo --help'), 'did you mean list?', 'what was meant');
  t.equal(nearestHint('docker', ['list'], 'see wo --help'), 'see wo --help', 'or what else helps');
});
