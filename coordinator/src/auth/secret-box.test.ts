import { randomBytes } from 'node:crypto';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@wombat/proto';
import t from 'tap';
import { openTestStore } from '../testing/test-store.js';
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
  for (const length of [0, 16, 33]) test.throws(() => new SecretBox(randomBytes(length)), { code: 'WO_KEY_UNUSABLE' }, `${length} bytes of keys`);
  test.end();
});

void t.test('the key is made once and is for its owner only', async (test) => {
  const directory = test.testdir();
  const store = await openTestStore(test, systemClock);
  const boxes = await Promise.all([1, 2, 3].map(() => SecretBox.load(directory, store)));
  const sealed = boxes[0]!.seal('row', Buffer.from('secret'));
  for (const box of [...boxes, await SecretBox.load(directory, store)]) test.equal(box.open('row', sealed).toString(), 'secret', 'one key for all');
  const path = join(directory, 'secrets.key');
  test.equal((await stat(path)).mode & 0o777, 0o600, 'mode of the key');
  await chmod(path, 0o640);
  await test.rejects(SecretBox.load(directory, store), { code: 'WO_KEY_UNUSABLE', message: /640/, hint: /chmod 600/ }, 'a key that others may read is refused');
});

void t.test('a store is never given a key that cannot read it', async (test) => {
  const directory = test.testdir();
  const path = join(directory, 'secrets.key');
  const store = await openTestStore(test, systemClock);
  const sealed = (await SecretBox.load(directory, store)).seal('row', Buffer.from('secret'));
  const key = await readFile(path);
  await rm(path);
  await test.rejects(SecretBox.load(directory, store), { code: 'WO_KEY_UNUSABLE', message: /is not there/, hint: /backed up/ }, 'lost');
  await test.rejects(stat(path), { code: 'ENOENT' }, 'and no new one was made');
  await writeFile(path, randomBytes(32), { mode: 0o600 });
  await test.rejects(SecretBox.load(directory, store), { code: 'WO_KEY_UNUSABLE', message: /another store/, hint: /backed up/ }, 'another one');
  await writeFile(path, key.subarray(1));
  await test.rejects(SecretBox.load(directory, store), { code: 'WO_KEY_UNUSABLE', message: /31 bytes/ }, 'damaged');
  await writeFile(path, key);
  test.equal((await SecretBox.load(directory, store)).open('row', sealed).toString(), 'secret', 'its own');
});

void t.test('a second key behind the first seals from then on, and both read', async (test) => {
  const directory = test.testdir();
  const path = join(directory, 'secrets.key');
  const store = await openTestStore(test, systemClock);
  const old = (await SecretBox.load(directory, store)).seal('row', Buffer.from('old'));
  const first = await readFile(path);
  await writeFile(path, Buffer.concat([first, randomBytes(32)]));
  const box = await SecretBox.load(directory, store);
  const fresh = box.seal('row', Buffer.from('new'));
  test.same([box.open('row', old).toString(), box.open('row', fresh).toString()], ['old', 'new']);
  test.not(fresh.split('.')[1], old.split('.')[1], 'each names its key');
  test.throws(() => new SecretBox(first).open('row', fresh), unreadable);
  await writeFile(path, first);
  await test.rejects(SecretBox.load(directory, store), { code: 'WO_KEY_UNUSABLE', message: /lacks the key/ }, 'the second is needed from then on');
});
