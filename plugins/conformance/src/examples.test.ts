import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { conforms } from './conforms.js';

// Their libraries may have to be fetched and compiled first.
t.setTimeout(600_000);

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const longestPlugin = 200;
const nothingBuilds = 3;

function build(t: Test, name: string): readonly string[] | undefined {
  const { status, stdout, stderr } = spawnSync(join(checkout, 'scripts/setup-examples'), [name], { encoding: 'utf8' });
  if (status === nothingBuilds) {
    t.pass('not built', { skip: stderr.trim() });
    return undefined;
  }
  if (status !== 0) throw new Error(`scripts/setup-examples ${name}: ${stderr}`);
  return stdout.trim().split('\n');
}

for (const [name, source] of [['go-directories', 'main.go'], ['python-processes', 'provider.py']] as const) {
  t.test(`the example ${name} is short`, (t) => {
    const lines = readFileSync(join(checkout, 'plugins/examples', name, source), 'utf8').trimEnd().split('\n');
    t.ok(lines.length <= longestPlugin, `${source} has ${lines.length} lines`);
    t.end();
  });

  t.test(`the example ${name} keeps the promises of a provider`, { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs' }, async (t) => {
    const command = build(t, name);
    if (!command) return;
    const directory = mkdtempSync(join(tmpdir(), 'wombat-example-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    await conforms(t, { command, settings: { directory } });
    t.strictSame(readdirSync(directory), [], 'nothing is left of the machines');
  });
}
