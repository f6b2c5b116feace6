import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z, type Clock } from '@wombat/plugin-sdk';
import { isAlive } from '@wombat/plugin-sdk/processes';
import { programOf, signalProcess } from './processes.js';

/** Written by the agent that started it. */
const epmdRecord = z.object({ pid: z.number().int().positive(), startTime: z.union([z.string(), z.number()]).transform(String), port: z.number() });

export type EpmdRecord = z.infer<typeof epmdRecord>;

/** The epmd that serves the hosts; undefined when there is none, or another process has its pid by now. */
export async function findEpmd(directory: string): Promise<EpmdRecord | undefined> {
  const text = await readFile(join(directory, 'epmd.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const record = epmdRecord.parse(JSON.parse(text));
    return isAlive(record) && programOf(record.pid) === 'epmd' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** After the last host nobody needs it. */
export async function stopEpmd(directory: string, clock: Clock): Promise<void> {
  const epmd = await findEpmd(directory);
  if (epmd) {
    signalProcess(epmd, 'SIGTERM');
    for (let waitedMs = 0; isAlive(epmd) && waitedMs < 2_000; waitedMs += 50) await clock.sleep(50);
    signalProcess(epmd, 'SIGKILL');
  }
  await rm(directory, { recursive: true, force: true });
}
