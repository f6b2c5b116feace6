import { createHash, randomBytes } from 'node:crypto';
import { chownSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, systemClock, WombatError } from '@wombat/proto';
import { PutFile } from '@wombat/proto/types';
import t, { type Test } from 'tap';
import { findAccount } from '../accounts/account.js';
import { runAs } from '../accounts/run-as.js';
import { nodePaths } from '../nodes/node-paths.js';
import { findProgram } from '../processes/find-program.js';
import type { ArtifactSource } from '../session/handlers.js';
import { mountSmallDisk, unmountSmallDisk } from '../testing/small-disk.js';
import { placeOfHost, placeOfNode, type FilePlace } from './file-place.js';
import { putFile, type FilePut } from './put-file.js';

const content = randomBytes(300_000);
const signal = new AbortController().signal;
const temporaryName = '.wombat-half';

interface Source extends ArtifactSource {
  readonly offsets: number[];
}

/** Cut off after each of these, as by a coordinator that goes away; whole at last. */
function sourceOf(bytes: Uint8Array, ...cuts: { readonly at: number; readonly error?: Error }[]): Source {
  const offsets: number[] = [];
  return {
    offsets,
    async *fetch(_sha256, offset) {
      offsets.push(offset);
      const cut = cuts.shift();
      const end = cut?.at ?? bytes.length;
      for (let start = offset; start < end; start += 65_536) yield bytes.subarray(start, Math.min(end, start + 65_536));
      if (cut?.error) throw cut.error;
    },
  };
}

function fileOf(bytes: Uint8Array, changes: Partial<PutFile> = {}): PutFile {
  return PutFile.fromPartial({ sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: BigInt(bytes.length), path: 'x', mode: 0o640, ...changes });
}

interface Given extends Partial<Pick<FilePut, 'owner' | 'writer'>> {
  readonly file?: PutFile;
  readonly artifacts?: ArtifactSource;
  readonly signal?: AbortSignal;
}

function put(place: FilePlace, { file = fileOf(content), artifacts = sourceOf(content), signal: given = signal, ...more }: Given = {}): Promise<void> {
  return putFile({ file, place, temporaryName, owner: undefined, writer: undefined, ...more }, { artifacts, clock: systemClock, path: process.env.PATH ?? '' }, given);
}

/** A node with an empty root and data directory. */
function nodeIn(t: Test): { readonly root: string; readonly data: string; readonly place: (path: string) => FilePlace } {
  const paths = nodePaths(t.testdir(), newId('node'));
  for (const directory of [paths.root, paths.data]) mkdirSync(directory, { recursive: true });
  return { root: paths.root, data: paths.data, place: (path) => placeOfNode(path, paths) };
}

t.test('a file comes whole, with its mode, and nothing lies beside it', async (t) => {
  const { root, data, place } = nodeIn(t);
  mkdirSync(join(root, 'etc'));
  const name = 'odd "name"; $(rm -rf .)\n\u0007 ü';
  await put(place(`./etc//${name}`));
  t.strictSame(readdirSync(join(root, 'etc')), [name]);
  t.ok(readFileSync(join(root, 'etc', name)).equals(content), 'byte for byte');
  t.equal(statSync(join(root, 'etc', name)).mode & 0o7777, 0o640);
  await put(place('data:empty'), { file: fileOf(Buffer.alloc(0), { mode: 0o400 }), artifacts: sourceOf(Buffer.alloc(0)) });
  t.equal(statSync(join(data, 'empty')).size, 0, 'an empty one, in the data directory');
  t.equal(statSync(join(data, 'empty')).mode & 0o7777, 0o400);
});

t.test('a file that is there is replaced whole, and another name of it keeps the old one', async (t) => {
  const { root, place } = nodeIn(t);
  writeFileSync(join(root, 'x'), 'old');
  linkSync(join(root, 'x'), join(root, 'shared'));
  writeFileSync(join(root, temporaryName), 'what an agent that was killed has left');
  await put(place('x'));
  t.ok(readFileSync(join(root, 'x')).equals(content));
  t.equal(readFileSync(join(root, 'shared'), 'utf8'), 'old');
  t.strictSame(readdirSync(root).sort(), ['shared', 'x']);
});

t.test('a coordinator that goes away is waited for, and nothing is sent twice', async (t) => {
  const { root, place } = nodeIn(t);
  const artifacts = sourceOf(content, { at: 100_000, error: new WombatError('WO_UNAVAILABLE', 'it stops') }, { at: 100_000, error: new WombatError('WO_INTERNAL', 'cut') });
  await put(place('x'), { artifacts });
  t.strictSame(artifacts.offsets, [0, 100_000, 100_000]);
  t.ok(readFileSync(join(root, 'x')).equals(content));
});

t.test('what goes wrong on the way leaves what was there', async (t) => {
  const { root, place } = nodeIn(t);
  writeFileSync(join(root, 'x'), 'old');
  const isUntouched = (what: string): unknown => t.strictSame([readdirSync(root), readFileSync(join(root, 'x'), 'utf8')], [['x'], 'old'], what);
  const other = Buffer.concat([content.subarray(1), Buffer.from('!')]);
  const wrong: [what: string, artifacts: ArtifactSource, error: { readonly code: string; readonly message?: RegExp }][] = [
    ['other bytes', sourceOf(other), { code: 'WO_ARTIFACT_CORRUPT', message: /its sha256 is/ }],
    ['too few', sourceOf(content, { at: 1_000 }), { code: 'WO_ARTIFACT_CORRUPT', message: /ended after 1000 of/ }],
    ['too many', sourceOf(Buffer.concat([content, content])), { code: 'WO_ARTIFACT_CORRUPT', message: /more than/ }],
    ['none any more', sourceOf(content, { at: 70_000, error: new WombatError('WO_NOT_FOUND', 'gone') }), { code: 'WO_NOT_FOUND' }],
  ];
  for (const [what, artifacts, error] of wrong) {
    await t.rejects(put(place('x'), { artifacts }), error, what);
    isUntouched(what);
  }
  const stop = new AbortController();
  const endless: ArtifactSource = { async *fetch() { yield content.subarray(0, 10); stop.abort(new Error('cancelled')); yield content.subarray(10, 20); } };
  await t.rejects(put(place('x'), { artifacts: endless, signal: stop.signal }), { message: 'cancelled' });
  isUntouched('cancelled');
  for (const file of [fileOf(content, { mode: 0o4755 }), fileOf(content, { sha256: '../x' }), fileOf(content, { sizeBytes: 2n ** 50n })]) {
    await t.rejects(put(place('x'), { file }), { code: 'WO_EXEC_REJECTED', message: /not valid/ });
  }
  isUntouched('an order that is not valid');
});

t.test('no path leads out of its node, whatever its processes put there', async (t) => {
  const { root, place } = nodeIn(t);
  const outside = join(root, '../../../outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), 'mine');
  mkdirSync(join(root, 'etc'));
  symlinkSync(outside, join(root, 'out'));
  symlinkSync(join(outside, 'file'), join(root, 'etc/file'));
  symlinkSync('etc', join(root, 'near'));
  for (const [path, why] of [['../x', /upwards/], ['etc/../../x', /upwards/], ['data:../x', /upwards/], ['/etc/x', /no path below/], ['data:/x', /no path below/], ['a\0b', /is no path/],
    [`${'d/'.repeat(41)}x`, /too long/], ['x'.repeat(256), /too long/], ['.', /names no file/], ['', /names no file/]] as const) {
    await t.rejects(async () => put(place(path)), { code: 'WO_EXEC_REJECTED', message: why }, JSON.stringify(path));
  }
  for (const path of ['out/x', 'out/file', 'near/x']) await t.rejects(put(place(path)), { code: 'WO_EXEC_REJECTED', message: /link/ }, path);
  for (const path of ['etc/file', 'etc']) await t.rejects(put(place(path)), { code: 'WO_EXEC_REJECTED', message: /no plain file/ }, path);
  await t.rejects(put(place('none/x')), { code: 'WO_EXEC_REJECTED', message: /is not there/ });
  t.strictSame([readdirSync(outside), readFileSync(join(outside, 'file'), 'utf8')], [['file'], 'mine'], 'nothing outside was touched');
  t.strictSame(readdirSync(join(root, 'etc')), ['file'], 'and nothing is left inside');
});

t.test('of a host paths begin at the top; its own links are followed, those of others are not', async (t) => {
  const directory = t.testdir({ real: {} });
  symlinkSync('real', join(directory, 'link'));
  symlinkSync(join(directory, 'link'), join(directory, 'again'));
  symlinkSync('round', join(directory, 'round'));
  await put(placeOfHost(join(directory, 'again/x')));
  t.ok(readFileSync(join(directory, 'real/x')).equals(content));
  await t.rejects(put(placeOfHost(join(directory, 'round/x'))), { code: 'WO_EXEC_REJECTED', message: /link/ }, 'in a circle');
  t.throws(() => placeOfHost('etc/x'), { code: 'WO_EXEC_REJECTED', message: /top of the host/ });
  await t.rejects(put(placeOfHost('/dev/null')), { code: 'WO_EXEC_REJECTED', message: /no plain file/ });
});

const user = findAccount('nobody');
const isAble = process.getuid?.() === 0 && user !== undefined && findProgram('setpriv', '/', process.env.PATH ?? '') !== undefined;

t.test('as another user', { skip: !isAble && 'needs root, setpriv and the user nobody' }, async (t) => {
  const writer = runAs('nobody', process.env.PATH ?? '');
  const directory = mkdtempSync(join(tmpdir(), 'wombat-put-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'theirs'));
  chownSync(join(directory, 'theirs'), user!.uid, user!.gid);
  mkdirSync(join(directory, 'ours'), { mode: 0o755 });
  const place = (path: string): FilePlace => placeOfHost(join(directory, path));

  await put(place('theirs/"a b"'), { writer });
  t.ok(readFileSync(join(directory, 'theirs/"a b"')).equals(content), 'byte for byte');
  t.match(statSync(join(directory, 'theirs/"a b"')), { uid: user!.uid, gid: user!.gid });
  t.equal(statSync(join(directory, 'theirs/"a b"')).mode & 0o7777, 0o640);
  await put(place('theirs/owned'), { owner: writer });
  t.match(statSync(join(directory, 'theirs/owned')), { uid: user!.uid, gid: user!.gid }, 'a file of a node belongs to its user');

  await t.rejects(put(place('ours/x'), { writer }), { code: 'WO_EXEC_REJECTED', message: /could not be written.*ermission/ }, 'where that user may not write');
  t.notOk(existsSync(join(directory, 'ours/x')));
  await t.rejects(put(place('theirs/y'), { writer, artifacts: sourceOf(content.subarray(1)) }), { code: 'WO_ARTIFACT_CORRUPT' });
  symlinkSync('/etc', join(directory, 'theirs/out'));
  chownSync(join(directory, 'theirs'), user!.uid, user!.gid);
  await t.rejects(put(place('theirs/out'), { writer }), { code: 'WO_EXEC_REJECTED', message: /no plain file/ });
  t.strictSame(readdirSync(join(directory, 'theirs')).sort(), ['"a b"', 'out', 'owned'], 'nothing is left of what failed');
});

const base = mkdtempSync(join(tmpdir(), 'wombat-put-disk-'));
const disk = join(base, 'disk');
const missing = mountSmallDisk(disk, 1);
t.teardown(() => {
  if (missing === undefined) unmountSmallDisk(disk);
  rmSync(base, { recursive: true });
});

t.test('a full disk', { skip: missing ?? false }, async (t) => {
  writeFileSync(join(disk, 'x'), 'old');
  const big = randomBytes(900_000);
  writeFileSync(join(disk, 'fill'), randomBytes(400_000));
  await t.rejects(put(placeOfHost(join(disk, 'x')), { file: fileOf(big), artifacts: sourceOf(big) }), { code: 'WO_DISK_FULL', message: /the file needs 900000 bytes/ }, 'told before anything is sent');
  await t.rejects(put(placeOfHost(join(disk, 'x')), { file: fileOf(big, { sizeBytes: 2_000_000n }) }), { code: 'WO_DISK_TOO_SMALL' });
  const filling: ArtifactSource = { async *fetch() { yield content.subarray(0, 100); writeFileSync(join(disk, 'more'), randomBytes(500_000)); yield content.subarray(100); } };
  await t.rejects(put(placeOfHost(join(disk, 'x')), { artifacts: filling }), { code: 'WO_DISK_FULL' }, 'somebody else fills it meanwhile');
  t.strictSame(readdirSync(disk).sort(), ['fill', 'more', 'x']);
  t.equal(readFileSync(join(disk, 'x'), 'utf8'), 'old');
});
