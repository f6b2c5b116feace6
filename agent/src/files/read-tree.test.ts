import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import { NodePhase } from '@wombat/proto/agent';
import { FilePart } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { TestHost, assignment } from '../nodes/testing/host.js';
import { nodePaths } from '../nodes/node-paths.js';
import { placeOfHost, placeOfNode, type FilePlace } from './file-place.js';
import { readTree } from './read-tree.js';

interface Got {
  readonly files: Map<string, { readonly mode: number; readonly bytes: Buffer; readonly isWhole: boolean }>;
  readonly leftOut: number | undefined;
}

async function gather(parts: AsyncIterable<FilePart>): Promise<Got> {
  const files: Got['files'] = new Map();
  let [path, mode, leftOut] = ['', 0, undefined as number | undefined];
  let chunks: Buffer[] = [];
  for await (const { kind } of parts) {
    if (kind?.$case === 'begun') [path, mode, chunks] = [kind.value.path, kind.value.mode, []];
    if (kind?.$case === 'data') chunks.push(kind.value);
    if (kind?.$case === 'sha256') {
      const bytes = Buffer.concat(chunks);
      files.set(path, { mode, bytes, isWhole: createHash('sha256').update(bytes).digest().equals(kind.value) });
    }
    if (kind?.$case === 'leftOut') leftOut = kind.value;
  }
  return { files, leftOut };
}

const roomy = { mostBytes: 10_000_000, mostFiles: 1_000 };
const pull = (place: FilePlace, bounds = roomy): Promise<Got> => gather(readTree(place, bounds, new AbortController().signal));
const descriptors = (): number => readdirSync('/proc/self/fd').length;

function nodeIn(t: Test): { readonly root: string; readonly place: (path: string) => FilePlace } {
  const paths = nodePaths(t.testdir(), newId('node'));
  for (const directory of [paths.root, paths.data]) mkdirSync(directory, { recursive: true });
  return { root: paths.root, place: (path) => placeOfNode(path, paths) };
}

t.test('a file, and the files below a directory', async (t) => {
  const { root, place } = nodeIn(t);
  const big = randomBytes(200_001);
  mkdirSync(join(root, 'log/deep/er'), { recursive: true });
  const odd = 'odd "name"\n\u0007ü';
  for (const [path, bytes] of [['log/big', big], [`log/deep/${odd}`, Buffer.from('x')], ['log/deep/er/empty', Buffer.alloc(0)]] as const) writeFileSync(join(root, path), bytes);
  chmodSync(join(root, 'log/big'), 0o750);
  const before = descriptors();
  const tree = await pull(place('log'));
  t.strictSame([...tree.files.keys()].sort(), ['big', 'deep/er/empty', `deep/${odd}`]);
  t.ok([...tree.files.values()].every(({ isWhole }) => isWhole), 'each as its sha256 says');
  t.ok(tree.files.get('big')?.bytes.equals(big));
  t.match([tree.files.get('big')?.mode, tree.leftOut], [0o750, 0]);
  t.strictSame([...(await pull(place('log/big'))).files.keys()], ['big']);
  t.equal((await pull(place('.'))).files.size, 3, 'the root itself');
  t.equal(descriptors(), before, 'nothing is left open');
});

t.test('links, pipes and files of others are left out; nothing leads out of the node', async (t) => {
  const { root, place } = nodeIn(t);
  const outside = join(root, '../../../outside');
  mkdirSync(join(root, 'a'));
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'mine', { mode: 0o600 });
  linkSync(join(outside, 'secret'), join(root, 'a/second-name'));
  writeFileSync(join(root, 'a/fine'), 'x');
  symlinkSync(join(outside, 'secret'), join(root, 'a/link'));
  symlinkSync(outside, join(root, 'a/out'));
  execFileSync('mkfifo', [join(root, 'a/pipe')]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff, 0xfe])]), 'no text');
  const isRoot = process.getuid?.() === 0;
  const { files, leftOut } = await pull(place('a'));
  t.strictSame([...files.keys()].sort(), isRoot ? ['fine'] : ['fine', 'second-name']);
  t.equal(leftOut, isRoot ? 5 : 4);
  for (const path of ['a/out/secret', 'a/link', 'a/pipe', 'a/out', '../x', '/etc/passwd', 'none']) await t.rejects(async () => pull(place(path)), { code: 'WO_EXEC_REJECTED' }, path);
  if (isRoot) await t.rejects(pull(place('a/second-name')), { code: 'WO_EXEC_REJECTED', message: /another user/ });
});

t.test('it has bounds', async (t) => {
  const { root, place } = nodeIn(t);
  for (let number = 0; number < 20; number++) writeFileSync(join(root, String(number)), 'x'.repeat(1_000));
  await t.rejects(pull(place('.'), { ...roomy, mostFiles: 19 }), { code: 'WO_EXEC_REJECTED', message: /more than 19 files/ });
  await t.rejects(pull(place('.'), { ...roomy, mostBytes: 19_999 }), { code: 'WO_EXEC_REJECTED', message: /more than 19999 bytes/ });
  t.equal((await pull(place('.'), { mostFiles: 20, mostBytes: 20_000 })).files.size, 20);
  const before = descriptors();
  for await (const { kind } of readTree(place('.'), roomy, new AbortController().signal)) if (kind?.$case === 'data') break;
  t.equal(descriptors(), before, 'whoever leaves early leaves nothing open');
});

t.test('a file that shrinks or grows while it is read', async (t) => {
  const { root, place } = nodeIn(t);
  const path = join(root, 'x');
  const read = async (change: () => void): Promise<Got> => {
    writeFileSync(path, randomBytes(100_000));
    return gather((async function* () {
      let parts = 0;
      for await (const part of readTree(place('x'), roomy, new AbortController().signal)) {
        if (++parts === 2) change();
        yield part;
      }
    })());
  };
  const shrunk = (await read(() => truncateSync(path, 40_000))).files.get('x');
  t.match([shrunk?.bytes.length, shrunk?.isWhole], [40_000, true]);
  const grown = (await read(() => writeFileSync(path, 'more', { flag: 'a' }))).files.get('x');
  t.match([grown?.bytes.length, grown?.isWhole], [100_000, true], 'it is not run after');
});

t.test('an agent answers for its nodes and itself, as its policy lets it', async (t) => {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
  const asked = async (targetId: string, path: string): Promise<Got> => {
    const request = { targetId, path, mostBytes: 1_000_000n, mostFiles: 100 };
    return gather((async function* () {
      for await (const { data } of host.core.readFiles(request, new AbortController().signal)) yield FilePart.decode(data);
    })());
  };
  t.strictSame([...(await asked(nodeId, 'bin')).files.keys()], ['run']);
  writeFileSync(join(host.directory, 'x'), 'of the host');
  t.equal((await asked(host.hostId, join(host.directory, 'x'))).files.get('x')?.bytes.toString(), 'of the host');
  t.strictSame((await pull(placeOfHost(join(host.directory, 'x')))).leftOut, 0);
  await t.rejects(asked(newId('node'), 'bin'), { code: 'WO_EXEC_REJECTED', message: /not on this host/ });
  await t.rejects(asked(host.hostId, 'bin'), { code: 'WO_EXEC_REJECTED', message: /top of the host/ });
  writeFileSync(join(host.agentDirectory, 'exec-policy.json'), '{"exec":["uptime"]}');
  await t.rejects(asked(nodeId, 'bin'), { code: 'WO_EXEC_REJECTED', message: /no files/ });
});
