import { randomBytes } from 'node:crypto';
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { SecretBox } from './secret-box.js';

const unreadable = { code: 'WO_SECRET_UNREADABLE' };

void t.test('a secret comes back, in its own row only', (test) => {
  const box = new SecretBox(randomBytes(32));
  const secret = Buffer.from('hunter2 canary');
  const sealed = box.seal('prv-aaaaaaaaaaaa', secret);
  test.same(box.open('prv-aaaaaaaaaaaa', sealed), secret, 'opened');
  test.notMatch(sealed, 'hunter2', 'the text does not hold the secret');
  test.not(box.seal('prv-aaaaaaaaaaaa', secret), sealed, 'two ciphertexts of one secret differ');
  test.throws(() => box.open('prv-bbbbbbbbbbbb', sealed), unreadable, 'another row');
  test.same(box.open('x', box.seal('x', Buffer.alloc(0))), Buffer.alloc(0), 'an empty secret');
  test.end();
});

void t.test('what was changed does not open', (test) => {
  const box = new SecretBox(randomBytes(32));
  const sealed = box.seal('row', Buffer.from('secret'));
  const body = Buffer.from(sealed.split('.')[2]!, 'base64url');
  for (let index = 0; index < body.length; index += 1) {
    const changed = Buffer.from(body);
    changed[index]! ^= 1;
    const text = `${sealed.slice(0, 14)}${changed.toString('base64url')}`;
    test.throws(() => box.open('row', text), unreadable, `byte ${index} changed`);
  }
  for (const text of ['', 'hunter2', sealed.slice(0, 20), `${sealed}!`]) test.throws(() => box.open('row', text), unreadable, JSON.stringify(text));
  test.throws(() => new SecretBox(randomBytes(32)).open('row', sealed), { ...unreadable, message: /sealed with the key/ }, 'another key says so');
  test.throws(() => new SecretBox(randomBytes(16)), { code: 'WO_KEY_UNUSABLE' }, 'a short key');
  test.end();
});

void t.test('the key is made once and is for its owner only', async (test) => {
  const directory = test.testdir();
  const boxes = await Promise.all([1, 2, 3].map(() => SecretBox.load(directory)));
  const sealed = boxes[0]!.seal('row', Buffer.from('secret'));
  for (const box of [...boxes, await SecretBox.load(directory)]) test.equal(box.open('row', sealed).toString(), 'secret', 'one key for all');
  const path = join(directory, 'secrets.key');
  test.equal((await stat(path)).mode & 0o777, 0o600, 'mode of the key');
  await chmod(path, 0o640);
  await test.rejects(SecretBox.load(directory), { code: 'WO_KEY_UNUSABLE', message: /640/ }, 'a key that others may read is refused');
});
