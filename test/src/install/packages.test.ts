import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { checkout, without } from '../support/checkout.js';

t.setTimeout(600_000);

const run = promisify(execFile);
const skip = process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs';

async function make(t: Test): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-packages-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  await run(process.execPath, [join(checkout, 'scripts/package-agent.js'), '--out', directory], { timeout: 500_000 });
  return directory;
}

t.test('packages for x64 and arm64: the same bytes each time, named by their sha256', { skip }, async (t) => {
  const [first, second] = [await make(t), await make(t)];
  const names = readdirSync(first).sort();
  t.strictSame(names.map((name) => name.replace(/-[0-9a-f]{64}\.tar\.gz$/, '')), ['wombat-agent-linux-arm64', 'wombat-agent-linux-x64']);
  t.strictSame(readdirSync(second).sort(), names, 'made again they are the same');
  for (const name of names) t.ok(name.includes(createHash('sha256').update(readFileSync(join(first, name))).digest('hex')), `${name} is what its name says`);

  await t.test('the one for arm64 runs, on an emulated processor', { skip: without('qemu-aarch64-static') }, async (t) => {
    const tree = join(first, 'arm64');
    mkdirSync(tree);
    await run('tar', ['-xzf', join(first, names[0]!), '-C', tree]);
    const { stdout } = await run('qemu-aarch64-static', ['-L', '/usr/aarch64-linux-gnu', join(tree, 'bin/node'), join(tree, 'dist/bundle/agent.cjs'), '--version'], { timeout: 120_000 });
    t.match(stdout, /^\d+\.\d+\.\d+\n$/, 'its agent tells its version');
  });
});
