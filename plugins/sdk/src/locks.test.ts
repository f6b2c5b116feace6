import t from 'tap';
import { KeyedLock, Limiter } from './locks.js';

t.test('the limiter holds slots until they are released', async (t) => {
  const limiter = new Limiter(1);
  const release = await limiter.acquire();
  let isSecond = false;
  const second = limiter.acquire().then((releaseSecond) => {
    isSecond = true;
    return releaseSecond;
  });
  await new Promise(setImmediate);
  t.notOk(isSecond, 'the only slot is taken');
  release();
  release();
  const releaseSecond = await second;
  let isThird = false;
  const third = limiter.acquire().then(() => (isThird = true));
  await new Promise(setImmediate);
  t.notOk(isThird, 'a slot released twice counts once');
  releaseSecond();
  await third;
});

t.test('work on one key comes one after another, also after a failure', async (t) => {
  const lock = new KeyedLock();
  const done: string[] = [];
  const first = lock.run('a', async () => {
    await new Promise(setImmediate);
    done.push('first');
    throw new Error('broken');
  });
  const second = lock.run('a', async () => done.push('second'));
  const other = lock.run('b', async () => done.push('other'));
  t.ok(lock.isHeld('a'));
  await t.rejects(first, /broken/);
  await Promise.all([second, other]);
  t.strictSame(done, ['other', 'first', 'second']);
  t.notOk(lock.isHeld('a'), 'nothing is left of it');
});
