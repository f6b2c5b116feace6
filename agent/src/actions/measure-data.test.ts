import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { newId } from '@wombat/proto';
import { DataSizes, type DataSize } from '@wombat/proto/agent';
import { measureData } from './measure-data.js';

async function sizesOf(directory: string, ...nodeIds: readonly string[]): Promise<DataSize[]> {
  const chunks: Uint8Array[] = [];
  for await (const { data } of measureData({ nodeIds: [...nodeIds] }, directory, new AbortController().signal)) chunks.push(data);
  return DataSizes.decode(Buffer.concat(chunks)).sizes;
}

function host(t: Test): { readonly directory: string; dataOf(nodeId: string): string } {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-measure-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return {
    directory,
    dataOf(nodeId) {
      const data = join(directory, 'nodes', nodeId, 'data');
      mkdirSync(data, { recursive: true });
      return data;
    },
  };
}

t.test('files are added up, however deep; links are not followed', async (t) => {
  const { directory, dataOf } = host(t);
  const [full, empty, none] = [newId('node'), newId('node'), newId('node')];
  const data = dataOf(full);
  dataOf(empty);
  mkdirSync(join(data, 'a/b'), { recursive: true });
  writeFileSync(join(data, 'one'), Buffer.alloc(1_000));
  writeFileSync(join(data, 'a/b/two'), Buffer.alloc(234));
  writeFileSync(join(directory, 'elsewhere'), Buffer.alloc(50_000));
  symlinkSync(join(directory, 'elsewhere'), join(data, 'link'));
  symlinkSync('..', join(data, 'a/up'));
  t.same(await sizesOf(directory, full, empty, none), [
    { nodeId: full, sizeBytes: 1_234n, empty: false, atLeast: false },
    { nodeId: empty, sizeBytes: 0n, empty: true, atLeast: false },
    { nodeId: none, sizeBytes: 0n, empty: true, atLeast: false },
  ], 'in the order asked for');
});

t.test('a directory with nothing but a directory is not empty, nor one that may not be read', async (t) => {
  const { directory, dataOf } = host(t);
  const [folder, closed] = [newId('node'), newId('node')];
  mkdirSync(join(dataOf(folder), 'tables'));
  const locked = join(dataOf(closed), 'locked');
  mkdirSync(locked);
  chmodSync(locked, 0);
  t.teardown(() => chmodSync(locked, 0o700));
  const [first, second] = await sizesOf(directory, folder, closed);
  t.match(first, { sizeBytes: 0n, empty: false, atLeast: false });
  t.match(second, { empty: false, atLeast: process.getuid?.() !== 0 }, 'the rest is not known, but for root');
});

t.test('no path is made of foreign text, and the work is bounded and can be ended', async (t) => {
  const { directory } = host(t);
  await t.rejects(sizesOf(directory, '../../etc'), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(sizesOf(directory, ...Array.from({ length: 501 }, () => newId('node'))), { code: 'WO_INVALID_ARGUMENT' });
  const over = AbortSignal.abort(new Error('nobody waits any more'));
  await t.rejects(measureData({ nodeIds: [newId('node')] }, directory, over).next(), /nobody waits/);
});
