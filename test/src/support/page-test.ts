import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { endProcessesIn } from './ending.js';
import { LastResort } from './last-resort.js';
import { runPage } from './page-script.js';
import { describeProcess } from './processes.js';

const timeoutMs = 240_000;

/** Types every command of a page; they must succeed, write what is `shown` in this order, and leave nothing running. `prepare` may fill the home directory. */
export async function checkPage(t: Test, page: string, shown: readonly RegExp[], prepare?: (home: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-page-'));
  const lastResort = new LastResort(directory);
  t.teardown(async () => {
    await endProcessesIn(directory);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    lastResort.dismiss();
  });
  await prepare?.(join(directory, 'home'));
  const { code, output } = await runPage(page, directory, timeoutMs);
  if (!t.equal(code, 0, `every command of ${page} succeeds`)) t.comment(output.slice(-8_000));
  let rest = output;
  for (const expected of shown) {
    const at = rest.search(expected);
    if (!t.ok(at !== -1, `its commands show ${expected}`)) t.comment(rest.slice(0, 4_000));
    rest = rest.slice(Math.max(0, at) + 1);
  }
  t.strictSame((await endProcessesIn(directory)).map(describeProcess), [], 'nothing is left running when the page is done');
}
