import { chmodSync, chownSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { removeOwnedTree } from './owned-tree.js';
import { removeUnfollowed } from './remove-unfollowed.js';

t.test('a tree goes with its links, and what they lead to stays', (t) => {
  const root = t.testdir({ kept: { file: 'x' }, tree: { inner: { deep: { file: 'y' } } } });
  symlinkSync(join(root, 'kept'), join(root, 'tree', 'inner', 'link'));
  symlinkSync('nowhere', join(root, 'tree', 'broken'));
  linkSync(join(root, 'kept', 'file'), join(root, 'tree', 'name'));
  removeUnfollowed(join(root, 'tree'));
  t.notOk(existsSync(join(root, 'tree')));
  t.equal(readFileSync(join(root, 'kept', 'file'), 'utf8'), 'x');
  symlinkSync(join(root, 'kept'), join(root, 'link'));
  removeUnfollowed(join(root, 'link'));
  removeUnfollowed(join(root, 'nothing'));
  t.same(readdirSync(root), ['kept'], 'of a link the link; what is not there is no error');
  t.end();
});

/** Puts directories and links in each other's place, as fast as it can. */
const exchanging = `
const { mkdirSync, renameSync, symlinkSync } = require('node:fs');
const { parentPort, workerData: { place, victim } } = require('node:worker_threads');
const tried = (work) => { try { work(); } catch {} };
parentPort.postMessage('ready');
for (const endsAt = Date.now() + 3000; Date.now() < endsAt; ) {
  for (let number = 0; number < 10; number++) {
    const name = place + '/' + number;
    tried(() => mkdirSync(name + '/inner', { recursive: true }));
    tried(() => symlinkSync(victim, name + '.link'));
    for (let round = 0; round < 20; round++) {
      tried(() => renameSync(name, name + '.aside'));
      tried(() => renameSync(name + '.link', name));
      tried(() => renameSync(name, name + '.link'));
      tried(() => renameSync(name + '.aside', name));
    }
  }
}`;

t.test('whoever changes the tree meanwhile gets nothing removed that is not in it', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const root = t.testdir({ victim: { a: '1', b: '2', c: '3' }, data: { inner: {} } });
  const data = join(root, 'data');
  for (const path of [data, join(data, 'inner')]) chownSync(path, 65_534, 65_534);
  chmodSync(root, 0o755);
  const worker = new Worker(exchanging, { eval: true, workerData: { place: join(data, 'inner'), victim: join(root, 'victim') } });
  const over = new Promise((resolve) => worker.once('exit', resolve));
  await new Promise((resolve) => worker.once('message', resolve));
  let isOver = false;
  void over.then(() => (isOver = true));
  while (!isOver) {
    mkdirSync(join(data, 'inner'), { recursive: true });
    chownSync(data, 65_534, 65_534);
    await removeOwnedTree(data).catch(() => undefined);
    await new Promise(setImmediate);
  }
  t.same(readdirSync(join(root, 'victim')), ['a', 'b', 'c'], 'no file behind a link is touched');
  await removeOwnedTree(data);
  t.notOk(existsSync(data), 'and at last all is gone');
});
