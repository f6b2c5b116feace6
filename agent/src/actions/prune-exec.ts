import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, type Clock } from '@wombat/proto';
import type { ExecLedger } from './exec-ledger.js';
import { execDirectory } from './exec-services.js';

/** What is kept of a command after its outcome was acknowledged, so that it can be read on. */
const keepMs = 24 * 3600_000;

/** Shortens the ledger, and removes the output of commands whose outcome was acknowledged long ago, or that nobody remembers. */
export async function pruneExec(directory: string, ledger: ExecLedger, clock: Clock): Promise<void> {
  await ledger.prune();
  const before = clock.now() - keepMs;
  for (const jobId of (await namesIn(join(directory, 'exec'))).filter((name) => isId(name, 'job'))) {
    const targetIds = await namesIn(join(directory, 'exec', jobId));
    let left = targetIds.length;
    for (const targetId of targetIds) {
      const folder = execDirectory(directory, jobId, targetId);
      const since = ledger.has(jobId, targetId) ? ledger.acknowledgedAt(jobId, targetId) : (await stat(folder)).mtimeMs;
      if (since === undefined || since >= before) continue;
      await rm(folder, { recursive: true, force: true });
      left--;
    }
    if (left === 0) await rm(join(directory, 'exec', jobId), { recursive: true, force: true });
  }
}

function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
