import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RenderedFile } from '@wombat/proto/agent';
import { copyTree, type RootPlan } from './make-root.js';

const signal = new AbortController().signal;
const rendered = (path: string, text: string, mode = 0): RenderedFile => ({ path, content: Buffer.from(text), mode });

function otpTree(t: Test): string {
  const tree = join(t.testdir({
    tree: {
      bin: { run: '#!/bin/sh\n' },
      'erts-13.1.5': { bin: { 'beam.smp': 'ELF' } },
      lib: { 'kernel-8': { ebin: { 'kernel.app': '{}' } } },
      releases: { 1: { 'vm.args': '-name a\n', 'sys.config': '[].' } },
      etc: { link: t.fixture('symlink', '../releases/1/vm.args') },
      current: t.fixture('symlink', 'releases/1'),
    },
  }), 'tree');
  for (const file of ['bin/run', 'erts-13.1.5/bin/beam.smp']) chmodSync(join(tree, file), 0o555);
  for (const file of ['releases/1/vm.args', 'releases/1/sys.config', 'lib/kernel-8/ebin/kernel.app']) chmodSync(join(tree, file), 0o444);
  return tree;
}

const plan = (treeDirectory: string, more: Partial<RootPlan> = {}): RootPlan => ({ treeDirectory, directory: `${treeDirectory}-root`, sharedPaths: [], files: [], ...more });
const inode = (...path: string[]): number => statSync(join(...path)).ino;

t.test('an OTP root links code and runtime, and owns the rest', async (t) => {
  const tree = otpTree(t);
  const { directory } = plan(tree);
  await copyTree(plan(tree), signal);
  for (const path of ['erts-13.1.5/bin/beam.smp', 'lib/kernel-8/ebin/kernel.app']) t.equal(inode(directory, path), inode(tree, path), `${path} is linked`);
  for (const path of ['bin/run', 'releases/1/vm.args']) t.not(inode(directory, path), inode(tree, path), `${path} is a copy`);
  t.equal(statSync(join(directory, 'bin/run')).mode & 0o777, 0o755, 'what it owns it may write');
  t.equal(statSync(join(directory, 'releases/1/vm.args')).mode & 0o777, 0o644);
  t.equal(readlinkSync(join(directory, 'current')), 'releases/1');
});

t.test('any other release is copied, but for what it says may be shared', async (t) => {
  const tree = join(t.testdir({ tree: { lib: { a: 'x' }, share: { big: { b: 'x' } }, only: 'x', other: 'x' } }), 'tree');
  const made = plan(tree, { sharedPaths: ['share/', './only', 'gone'] });
  await copyTree(made, signal);
  const isLinked = (path: string): boolean => inode(tree, path) === inode(made.directory, path);
  t.strictSame(['lib/a', 'share/big/b', 'only', 'other'].map(isLinked), [false, true, true, false]);
});

t.test('rendered files take the place of the tree`s, which stay as they are', async (t) => {
  const tree = otpTree(t);
  const made = plan(tree, {
    sharedPaths: ['releases'],
    files: [
      rendered('releases/1/vm.args', '-name b\n'),
      rendered('bin/run', '#!/bin/sh\nexit 1\n', 0o600),
      rendered('lib/kernel-8/ebin/kernel.app', 'changed'),
      rendered('./etc/new/deep.conf', 'new', 0o600),
      rendered('etc/link', 'a file now'),
    ],
  });
  await copyTree(made, signal);
  const read = (path: string): string => readFileSync(join(made.directory, path), 'utf8');
  t.equal(read('releases/1/vm.args'), '-name b\n');
  t.equal(read('lib/kernel-8/ebin/kernel.app'), 'changed');
  t.equal(read('etc/new/deep.conf'), 'new');
  t.equal(statSync(join(made.directory, 'etc/new/deep.conf')).mode & 0o777, 0o600);
  t.equal(statSync(join(made.directory, 'bin/run')).mode & 0o777, 0o700, 'a program stays one for its owner');
  t.equal(statSync(join(made.directory, 'releases/1/vm.args')).mode & 0o777, 0o644, 'mode 0 is that of the file it replaces');
  t.ok(lstatSync(join(made.directory, 'etc/link')).isFile(), 'a link is replaced, not followed');
  t.equal(readFileSync(join(tree, 'releases/1/vm.args'), 'utf8'), '-name a\n');
  t.equal(readFileSync(join(tree, 'lib/kernel-8/ebin/kernel.app'), 'utf8'), '{}');
  t.equal(inode(made.directory, 'releases/1/sys.config'), inode(tree, 'releases/1/sys.config'), 'what is shared beside it stays linked');
});

t.test('rendered files never go through a link, out of the root, or over a folder', async (t) => {
  const refused: [string, RegExp][] = [
    ['current/vm.args', /behind current, which is no folder/],
    ['bin/run/x', /behind bin\/run/],
    ['releases/1', /name of a folder/],
    ['../x', /\.\./],
    ['/etc/x', /absolute/],
    ['', /no name/],
  ];
  for (const [path, message] of refused) {
    const tree = otpTree(t);
    await t.rejects(copyTree(plan(tree, { files: [rendered(path, 'x')] }), signal), { message }, path);
    t.equal(readFileSync(join(tree, 'releases/1/vm.args'), 'utf8'), '-name a\n');
    t.notOk(existsSync(join(tree, '..', 'x')));
  }
});

t.test('large files are copied too, and an abort ends it', async (t) => {
  const base = t.testdir({ tree: { big: 'x'.repeat(2 * 1024 * 1024) } });
  await copyTree(plan(join(base, 'tree')), signal);
  t.equal(statSync(join(base, 'tree-root', 'big')).size, 2 * 1024 * 1024);
  t.equal(statSync(join(base, 'tree-root', 'big')).mode & 0o200, 0o200);
  await t.rejects(copyTree({ ...plan(join(base, 'tree')), directory: join(base, 'other') }, AbortSignal.abort(new Error('enough'))), { message: 'enough' });
});

t.test('many roots of a small release take little time', async (t) => {
  const base = t.testdir({ tree: { bin: { run: '#!/bin/sh\nexec sleep 1000\n' } }, roots: {} });
  const startedAt = performance.now();
  for (let count = 0; count < 125; count += 1) await copyTree({ ...plan(join(base, 'tree')), directory: join(base, 'roots', String(count)) }, signal);
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs < 2_000, `125 roots took ${tookMs.toFixed(0)} ms`);
  t.comment(`125 roots of one script: ${tookMs.toFixed(0)} ms`);
});

t.test('a root like that of an OTP release takes little time', async (t) => {
  const base = t.testdir({ tree: { lib: {}, releases: {} } });
  for (let folder = 0; folder < 10; folder += 1) {
    mkdirSync(join(base, 'tree', 'lib', `app-${folder}`));
    for (let file = 0; file < 23; file += 1) writeFileSync(join(base, 'tree', 'lib', `app-${folder}`, `m${file}.beam`), 'x'.repeat(1_000));
  }
  const startedAt = performance.now();
  await copyTree({ ...plan(join(base, 'tree')), directory: join(base, 'root') }, signal);
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs < 1_000, `230 files took ${tookMs.toFixed(0)} ms`);
  t.comment(`230 links: ${tookMs.toFixed(1)} ms`);
});
