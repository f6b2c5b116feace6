import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@wombat/proto';
import t, { type Test } from 'tap';
import type { NodeContext } from './node-context.js';
import { ensureRoot, fillFiles, makeDirectories, removeLeftovers, removeNode } from './node-files.js';
import { nodePaths } from './node-paths.js';
import { CopyingReleases } from './testing/copying-releases.js';
import { nodeSpec } from './testing/host.js';

const never = new AbortController().signal;

function contextIn(t: Test, spec = nodeSpec()): { context: NodeContext; releases: CopyingReleases } {
  const directory = t.testdir({ tree: { bin: { run: 'x' } } });
  const nodeId = newId('node');
  const context = { nodeId, hostId: newId('host'), spec, paths: nodePaths(directory, nodeId), path: '/bin' };
  return { context, releases: new CopyingReleases(join(directory, 'tree')) };
}

const secret = (name: string, value: Buffer): { name: string; value: Buffer; environmentName: string } => ({ name, value, environmentName: '' });

t.test('secrets and paths are filled in byte for byte, and nothing in a secret is read again', (t) => {
  const bytes = Buffer.from([0xff, 0x00, 0xe9]);
  const spec = nodeSpec({
    secrets: [secret('raw', bytes), secret('sly', Buffer.from('{{secret:raw}}{{path:data}}$&'))],
    files: [{ path: 'a', content: Buffer.concat([bytes, Buffer.from('{{secret:raw}}|{{secret:sly}}|{{path:home}}|{{other}}')]), mode: 0o600 }],
  });
  const { context } = contextIn(t, spec);
  const [file] = fillFiles(context);
  t.strictSame(file?.content, Buffer.concat([bytes, bytes, Buffer.from(`|{{secret:raw}}{{path:data}}$&|${context.paths.home}|{{other}}`)]));
  const quoted = nodeSpec({ secrets: [secret('raw', Buffer.from(`a"'`))], files: [{ path: 'a', content: Buffer.from('"{{secret:raw:erlangString}}"'), mode: 0o600 }] });
  t.equal(fillFiles(contextIn(t, quoted).context)[0]?.content.toString(), `"a\\"'"`, 'escaped as the filter around it asks for');
  t.throws(() => fillFiles({ ...context, spec: { ...spec, secrets: [] } }), { code: 'WO_TEMPLATE_INVALID' });
  t.end();
});

t.test('a root is made once for what it is made from', async (t) => {
  const { context, releases } = contextIn(t, nodeSpec({ files: [{ path: 'etc/x', content: Buffer.from('1'), mode: 0 }] }));
  await makeDirectories(context.paths, undefined);
  const key = await ensureRoot(context, undefined, releases, undefined, never);
  writeFileSync(join(context.paths.root, 'written'), 'by the node');
  t.equal(await ensureRoot(context, undefined, releases, key, never), key);
  t.ok(existsSync(join(context.paths.root, 'written')), 'it is kept over a restart');
  const changed = { ...context, spec: { ...context.spec, files: [{ path: 'etc/x', content: Buffer.from('2'), mode: 0 }] } };
  t.not(await ensureRoot(changed, undefined, releases, key, never), key);
  t.notOk(existsSync(join(context.paths.root, 'written')));
  t.equal(readFileSync(join(context.paths.root, 'etc/x'), 'utf8'), '2');
  t.equal(releases.made.length, 2);
});

t.test('what a killed agent left half done goes, and data is kept when asked', async (t) => {
  const { context, releases } = contextIn(t);
  const { paths } = context;
  await makeDirectories(paths, undefined);
  await ensureRoot(context, undefined, releases, undefined, never);
  for (const name of ['root.old', 'root.making']) mkdirSync(join(paths.base, name));
  writeFileSync(join(paths.data, 'precious'), '');
  await removeLeftovers(paths);
  t.notOk(existsSync(join(paths.base, 'root.old')));
  t.notOk(existsSync(join(paths.base, 'root.making')));
  await removeNode(paths, true, Date.now());
  t.ok(existsSync(join(paths.data, 'precious')));
  t.notOk(existsSync(paths.home));
  await removeNode(paths, false, Date.now());
  t.notOk(existsSync(paths.base));
  await removeNode(paths, false, Date.now());
  t.pass('removing what is gone does no harm');
});

t.test('no path is built from a foreign id', (t) => {
  for (const nodeId of ['', '..', 'node-../../x', 'host-aaaaaaaaaaaa', 'node-AAAAAAAAAAAA', 'node-aaaaaaaaaaaa/..']) {
    t.throws(() => nodePaths('/x', nodeId), { code: 'WO_INVALID_ARGUMENT' }, JSON.stringify(nodeId));
  }
  t.end();
});
