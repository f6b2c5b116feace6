import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { checkout } from '../support/checkout.js';
import { checkPage } from '../support/page-test.js';

t.setTimeout(400_000);

/** The page is typed without a network: what npm needs of the registry is fetched before. */
async function fetchPackages(home: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'wombat-packages-'));
  try {
    mkdirSync(home, { recursive: true });
    const env = { ...process.env, npm_config_cache: join(home, '.npm') };
    const root = join(scratch, 'sky');
    execFileSync(join(checkout, 'node_modules/.bin/create-wombat-plugin'), [root], { env });
    execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: root, env, stdio: 'ignore' });
    writeFileSync(join(home, '.npmrc'), `offline=true\ncache=${join(home, '.npm')}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

t.test('the guide for providers, line by line', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs' }, async (t) => {
  await checkPage(t, 'docs/guides/write-a-provider.md', [
    /sky: 21 passed, 0 failed, 1 skipped/, /same-key-once +failed/, /create-interrupted +failed/, /as it should/, /url/, /debian-12/, /small/,
  ], fetchPackages);
});
