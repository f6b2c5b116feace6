import { readFile } from 'node:fs/promises';
import { archive } from './archive.js';

/** Every container has this directory: the engine writes there itself. */
const directory = 'etc/wombat-host';
const startScript = new URL('../install/start.sh', import.meta.url);

/** What a container runs as its first program, below the init. */
export const entrypoint: readonly string[] = ['/bin/sh', `/${directory}/start.sh`];

/** For `/` of the container, with a directory that is to be there. Only root of the container reads the payload, which holds a join token. */
export async function hostFiles(payload: Uint8Array, room?: string): Promise<Buffer> {
  return archive([
    { path: `${directory}/start.sh`, mode: 0o755, content: await readFile(startScript) },
    { path: `${directory}/install`, mode: 0o600, content: payload },
    ...(room === undefined ? [] : [{ path: `${room.slice(1)}/`, mode: 0o755 }]),
  ]);
}
