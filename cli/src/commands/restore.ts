import { resolve } from 'node:path';
import { defineCommand, required } from '../command.js';
import { text } from '../options.js';
import { runProgram } from '../programs.js';

export const restore = defineCommand({
  description: [
    'Sets up the directory of a coordinator from a backup, on the machine where it will run, while none runs there. The directory must be empty; everything in the archive is verified before anything is put in its place.',
    'Then start it with wo coordinator. Agents come back by themselves, and nodes run on. What was changed after the backup is not known to it: see wo doctor.',
  ].join('\n'),
  examples: [
    { command: 'wo restore /var/backups/wombat-abcdefghijkl-20260102T030405Z.tar', explanation: 'into the default directory' },
    { command: 'wo restore cluster.tar --directory /srv/wombat', explanation: 'into another one' },
  ],
  arguments: { archive: required('file that wo backup has written', { label: 'FILE' }) },
  options: {
    directory: text('--directory <directory>', 'of the coordinator; as the configuration says when left out'),
    config: text('--config <file>', 'configuration of the coordinator'),
  },
  async run({ io }, { archive }, { directory, config }) {
    const place = directory === undefined ? [] : ['--directory', resolve(io.cwd, directory)];
    const file = config === undefined ? [] : ['--config', resolve(io.cwd, config)];
    return runProgram('coordinator', ['--restore', resolve(io.cwd, archive), ...place, ...file], io);
  },
});
