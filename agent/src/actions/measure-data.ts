import { opendir, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits, WombatError } from '@wombat/proto';
import { DataSizes, type ChannelData, type DataSize, type MeasureData } from '@wombat/proto/agent';
import { nodePaths } from '../nodes/node-paths.js';

/** A node may fill its directory as it likes; so much is looked at, of all nodes of a request together. */
const maximumEntries = 200_000;
const maximumMs = 5_000;

/** How much the data directories of nodes hold, looked at now. @throws WombatError WO_INVALID_ARGUMENT */
export async function* measureData({ nodeIds }: MeasureData, directory: string, signal: AbortSignal): AsyncGenerator<ChannelData> {
  if (nodeIds.length > limits.measuredNodes) throw new WombatError('WO_INVALID_ARGUMENT', `the data of ${limits.measuredNodes} nodes at most is measured at once`);
  const bounds = { entriesLeft: maximumEntries, endsAtMs: performance.now() + maximumMs };
  const sizes: DataSize[] = [];
  for (const nodeId of nodeIds) {
    signal.throwIfAborted();
    sizes.push(await measure(nodeId, nodePaths(directory, nodeId).data, bounds, signal));
  }
  yield { offset: 0n, data: Buffer.from(DataSizes.encode({ sizes }).finish()), lostBytes: 0n, log: undefined };
}

async function measure(nodeId: string, data: string, bounds: { entriesLeft: number; readonly endsAtMs: number }, signal: AbortSignal): Promise<DataSize> {
  let sizeBytes = 0n;
  let empty = true;
  let atLeast = false;
  const folders = [data];
  for (let folder = folders.pop(); folder !== undefined && !atLeast; folder = folders.pop()) {
    try {
      for await (const entry of await opendir(folder)) {
        signal.throwIfAborted();
        empty = false;
        if (bounds.entriesLeft-- <= 0 || performance.now() > bounds.endsAtMs) {
          atLeast = true;
          break;
        }
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        // Links count for nothing, and what has gone since neither.
        else if (entry.isFile()) sizeBytes += BigInt(await sizeOf(path));
      }
    } catch (error) {
      signal.throwIfAborted();
      // A node without a directory has no data; what may not be looked into may hold anything.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') [empty, atLeast] = [false, true];
    }
  }
  return { nodeId, sizeBytes, empty, atLeast };
}

async function sizeOf(path: string): Promise<number> {
  return lstat(path).then(({ size }) => size, () => 0);
}
