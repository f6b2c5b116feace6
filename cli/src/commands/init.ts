import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WombatError, quoted } from '@wombat/proto';
import { defineCommand } from '../command.js';
import { flag, text } from '../options.js';
import { outputOf } from '../programs.js';

export const init = defineCommand({
  description: [
    'Writes wombat.toml, the configuration of a coordinator: every key with its meaning and its default, commented out.',
    'Nothing is started, and a file that is there is left alone unless --force says otherwise.',
  ].join('\n'),
  examples: [
    { command: 'wo init', explanation: 'into the current directory' },
    { command: 'wo init --dir /etc/wombat', explanation: 'into another one, which is made when it is not there' },
  ],
  arguments: {},
  options: {
    dir: text('--dir <directory>', 'where to write it; the current directory when left out'),
    force: flag('--force', 'replace the file that is there'),
  },
  async run(runtime, _, { dir, force }) {
    const { io, print } = runtime;
    const directory = resolve(io.cwd, dir ?? '.');
    const path = join(directory, 'wombat.toml');
    const configuration = await outputOf('coordinator', ['--print-configuration'], io);
    await write(path, directory, configuration, force);
    await print.done(`${path} is written; nothing in it is in force until you take away a #`, { path });
    if (!print.isForPrograms) {
      print.tell([
        '  next:',
        `    wo coordinator --config ${quoted(path)}`,
        '    wo context add NAME --directory DIRECTORY     # the directory that the file names; on this machine',
        '    wo doctor',
      ].join('\n'));
    }
  },
});

async function write(path: string, directory: string, configuration: string, force: boolean): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(path, configuration, { flag: force ? 'w' : 'wx', mode: 0o644 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new WombatError('WO_CONFLICT', `${path} is there already`, { hint: 'edit it, or replace it with --force' });
    throw new WombatError('WO_INVALID_ARGUMENT', `${path} cannot be written (${code})`, { hint: 'give a directory that you may write to: --dir DIRECTORY' });
  }
}
