import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Of open(2), in octal as in /proc. */
const accessMode = 0o3;

export function filesOpenForWriting(pid: number): readonly string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((name) => {
    try {
      if (!statSync(join(directory, name)).isFile()) return [];
      const [, flags = '0'] = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${name}`, 'utf8')) ?? [];
      return (parseInt(flags, 8) & accessMode) === 0 ? [] : [readlinkSync(join(directory, name))];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}
