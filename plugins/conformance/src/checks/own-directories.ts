import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Check } from '../check.js';
import type { Context } from '../run/context.js';
import { filesOpenForWriting } from '../run/open-files.js';

export const ownDirectories: Check = {
  name: 'own-directories',
  promise: 'writes only into its data directory, that of its socket, and temporary ones',
  advice: 'Nothing goes into the working directory, the home directory or the system\'s log directories; log by the host services or to standard error.',
  async run(context) {
    const subject = await context.subject();
    const made = await subject.create(await context.spec());
    const open = filesOpenForWriting(subject.pid).filter((path) => !isOwn(path, context));
    await subject.destroy(made);
    const { home, work } = context.homes;
    const written = [home, work].flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)));
    expect(written.length === 0, `it wrote ${written.map((path) => path.replace(home, '$HOME').replace(work, '.')).join(', ')}`);
    expect(open.length === 0, `it writes to ${open.join(', ')}`);
  },
};

function isOwn(path: string, { directory }: Context): boolean {
  // Its socket lies in a directory of the session's own.
  return path.startsWith(`${directory}/`) || path.includes('/wombat-plugin-');
}
