import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProgramSession } from '@wombat/plugin-sdk/host';
import { PluginServiceService, type PluginKind } from '@wombat/proto/plugin';
import { makeHomes } from './homes.js';
import { commandOf } from './program.js';

const withinMs = 30_000;

/** What a program says that it serves; undefined when it does not come to that. */
export async function kindOf(command: readonly string[]): Promise<PluginKind | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'wombat-conformance-'));
  const { home, temporary, work } = await makeHomes(directory);
  const nowhere = (): void => undefined;
  try {
    const session = await ProgramSession.open({
      command: commandOf({ command }), environment: { HOME: home, TMPDIR: temporary }, workingDirectory: work,
      log: { debug: nowhere, info: nowhere, warn: nowhere, error: nowhere }, times: { handshakeMs: withinMs, healthMs: withinMs, termMs: 1_000 },
    });
    const answer = await session.call(PluginServiceService.describe, {}, withinMs).finally(() => session.end());
    return answer.description?.kind;
  } catch {
    // The checks tell what is wrong with it.
    return undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
