import { basename, resolve } from 'node:path';
import { durationFromMs } from '@wombat/proto';
import { defineCommand, required } from '../command.js';
import { uploadFile } from '../control/upload-file.js';
import { text } from '../options.js';
import { parseMode } from '../parse/mode.js';
import { parseRemotePath } from '../parse/remote-path.js';
import { onOption, targetKindOf } from './common.js';
import { newJob, newJobOptions } from './job/new-job.js';
import { uploadMeter } from './upload-meter.js';

const defaultTimeoutMs = 10 * 60_000;
/** There is no remote command whose exit code could be passed on. */
const { passExit: _passExit, ...sendingOptions } = newJobOptions;

export const push = defineCommand({
  description: [
    'Puts a file of this machine on every target of the expression: below the root of each node, behind data: below its data directory, or on the hosts themselves. It is uploaded once; each target compares it, and what was there is replaced whole or not at all.',
    'A PATH that is empty or ends with / means the name that the file has here. The directory must be there.',
    'It is a job: wo job list, watch, cancel and rerun know it. Exit code: as of wo exec.',
  ].join('\n'),
  timeoutHelp: 'each target may take so long; 10m when left out',
  examples: [
    { command: 'wo push app.conf web:etc/app.conf', explanation: 'on every node of a family, below its root' },
    { command: "wo push seed.db 'family = shop and zone = eu-1:data:'", explanation: 'on some of them, in the data directory, under its own name' },
    { command: 'wo push limits.conf rack-7:/etc/security/limits.d/ --mode 644 --user root', explanation: 'on a host' },
  ],
  arguments: {
    file: required('a file of this machine', { completes: 'file' }),
    target: required('id or name of a family, a node or a host, or an expression; then : and the path there', { label: 'EXPRESSION:PATH' }),
  },
  options: {
    mode: { flags: '--mode <permissions>', help: 'permissions in octal, such as 644; those of the file when left out', read: (given, name) => (given.length === 0 ? undefined : parseMode(given.at(-1)!, name)) },
    user: text('--user <name>', 'write it with the rights of this user of the host; the agent must be root'),
    ...sendingOptions,
    ...onOption,
  },
  async run(runtime, { file, target }, { mode, user, on, ...options }) {
    const { expression, path } = parseRemotePath(target);
    return newJob(runtime, async (control) => {
      const uploaded = await uploadFile(control, resolve(runtime.io.cwd, file), uploadMeter(runtime, basename(file)));
      const value = {
        sha256: uploaded.sha256, sizeBytes: uploaded.sizeBytes, path: path === '' || path.endsWith('/') || path.endsWith(':') ? `${path}${basename(file)}` : path,
        mode: mode ?? uploaded.mode, user: user ?? '',
      };
      return { expression, action: { kind: { $case: 'putFile', value } }, on: targetKindOf(on), timeout: durationFromMs(defaultTimeoutMs) };
    }, { ...options, passExit: false });
  },
});
