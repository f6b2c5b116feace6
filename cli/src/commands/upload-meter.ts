import type { UploadProgress } from '../control/local-file.js';
import { bytes } from '../output/words.js';
import type { Runtime } from '../runtime.js';
import { isLive } from '../terminal/io.js';

/** One line that is written over, on a terminal only. */
export function uploadMeter(runtime: Runtime, name: string): (progress: UploadProgress) => void {
  const { stderr, env } = runtime.io;
  if (runtime.flags.quiet || !isLive(stderr, env)) return () => {};
  let last = -1;
  return ({ sentBytes, totalBytes }) => {
    const percent = Math.floor((sentBytes / totalBytes) * 100);
    if (percent === last) return;
    last = percent;
    stderr.write(sentBytes === totalBytes ? '\r\x1b[K' : `\r\x1b[K${name}: ${percent}% of ${bytes(totalBytes)}`);
  };
}
