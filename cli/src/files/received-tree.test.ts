import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { FilePart } from '@wombat/proto/types';
import t from 'tap';
import { ReceivedTree } from './received-tree.js';

const begun = (path: string, mode = 0o640, sizeBytes = 3n): FilePart => ({ kind: { $case: 'begun', value: { path, mode, sizeBytes } } });
const data = (bytes: Uint8Array): FilePart => ({ kind: { $case: 'data', value: Buffer.from(bytes) } });
const endOf = (bytes: Uint8Array): FilePart => ({ kind: { $case: 'sha256', value: createHash('sha256').update(bytes).digest() } });
const whole = (path: string, bytes: Uint8Array): FilePart[] => [begun(path), data(bytes), endOf(bytes)];

async function receive(folder: string, parts: readonly FilePart[]): Promise<ReceivedTree> {
  const tree = new ReceivedTree(folder);
  try {
    for (const part of parts) await tree.take(part);
    await tree.finish();
  } finally {
    await tree.discard();
  }
  return tree;
}

t.test('files come whole, with their names and permissions', async (t) => {
  const folder = join(t.testdir({}), 'web-1');
  const bytes = randomBytes(70_000);
  const odd = 'odd "name"\n\u0007ü';
  const tree = await receive(folder, [begun(`a/${odd}`, 0o6755), data(bytes.subarray(0, 30_000)), data(bytes.subarray(30_000)), endOf(bytes), begun('empty'), endOf(Buffer.alloc(0))]);
  t.ok(readFileSync(join(folder, 'a', odd)).equals(bytes));
  t.equal(statSync(join(folder, 'a', odd)).mode & 0o7777, 0o755, 'no rights beyond permissions');
  t.match([readdirSync(folder).sort(), tree.files, tree.bytes], [['a', 'empty'], 2, 70_000]);
  await receive(folder, whole('empty', Buffer.from('new')));
  t.equal(readFileSync(join(folder, 'empty'), 'utf8'), 'new', 'what is here is replaced');
});

t.test('no name leads out of the folder', async (t) => {
  const directory = t.testdir({ outside: { file: 'mine' }, 'web-1': { file: 'old' } });
  const folder = join(directory, 'web-1');
  symlinkSync('../outside', join(folder, 'out'));
  symlinkSync('../outside/file', join(folder, 'link'));
  mkdirSync(join(folder, 'folder'));
  const bytes = Buffer.from('evil');
  for (const path of ['../outside/file', '..', '.', '', '/etc/x', 'a/../../x', 'a//b', 'a\0b', 'x'.repeat(256)]) await t.rejects(receive(folder, whole(path, bytes)), { code: 'WO_PULL_FAILED', message: /no path/ }, JSON.stringify(path));
  await t.rejects(receive(folder, whole('out/file', bytes)), { code: 'WO_PULL_FAILED', message: /no folder/ });
  for (const path of ['link', 'folder', 'out']) await t.rejects(receive(folder, whole(path, bytes)), { code: 'WO_PULL_FAILED', message: /no plain file/ }, path);
  await t.rejects(receive(folder, whole('file/x', bytes)), { code: 'WO_PULL_FAILED', message: /no folder/ });
  t.strictSame([readdirSync(directory).sort(), readdirSync(join(directory, 'outside')), readFileSync(join(directory, 'outside/file'), 'utf8')], [['outside', 'web-1'], ['file'], 'mine']);
  t.strictSame(readdirSync(folder).sort(), ['file', 'folder', 'link', 'out'], 'and nothing half is left');
});

t.test('what is not as it should be leaves what was here', async (t) => {
  const folder = t.testdir({ x: 'old' });
  const bytes = Buffer.from('new');
  const wrong: readonly [string, readonly FilePart[], RegExp][] = [
    ['another digest', [begun('x'), data(bytes), endOf(Buffer.from('other'))], /did not arrive/],
    ['no end', [begun('x'), data(bytes)], /no end/],
    ['two at once', [begun('x'), begun('y')], /no path/],
    ['bytes of nothing', [data(bytes)], /no file/],
    ['an end of nothing', [endOf(bytes)], /no file/],
  ];
  for (const [what, parts, why] of wrong) await t.rejects(receive(folder, parts), { code: 'WO_PULL_FAILED', message: why }, what);
  await t.rejects(receive(folder, [begun('x', 0o600, 2n ** 60n)]), { code: 'WO_DISK_FULL' });
  t.strictSame([readdirSync(folder), readFileSync(join(folder, 'x'), 'utf8')], [['x'], 'old']);
  t.notOk(existsSync(join(folder, 'y')));
});
