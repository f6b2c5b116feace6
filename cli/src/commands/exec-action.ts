import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { durationFromMs, limits } from '@wombat/proto';
import { IoPriority, type Action, type CommandSettings } from '@wombat/proto/types';
import { duration, flag, oneOf, pairs, secretPairs, text, wholeNumber } from '../options.js';
import type { OptionValues } from '../command.js';
import { readInput } from '../parse/read-input.js';
import { SecretReader } from '../parse/secret.js';
import type { Runtime } from '../runtime.js';
import { UsageError } from '../usage-error.js';

/** How a command is run on each target. */
export const actionOptions = {
  erlang: text('--erlang <expressions>', 'evaluate Erlang on each node instead of running a command'),
  shell: flag('--shell', 'the first word of the command is a script for sh; the others are its $1, $2, ...'),
  cwd: text('--cwd <directory>', 'where it runs: a path on the host, or one seen from the root of the node'),
  user: text('--user <name>', 'run it as this user of the host; the agent must be root'),
  env: pairs('--env <name=value>', 'set a variable; may be repeated'),
  secret: secretPairs('--secret <name=value>', 'set a variable to a secret, which is stored sealed and never told again; may be repeated'),
  stdin: text('--stdin <file>', 'what it reads from its standard input, - for that of wo; together with the command at most 64 KiB'),
  nice: wholeNumber('--nice <level>', 'give way to others that want the processor: 0 to 19', { maximum: 19 }),
  killAfter: duration('--kill-after <duration>', 'from TERM to KILL, once it has to end: at its deadline, or when its job is cancelled; 500ms when left out, at most 10s'),
  io: oneOf('--io <priority>', 'give way to others that want the disk: low is the last in turn, idle waits for all', ['low', 'idle']),
};

type ActionOptions = OptionValues<typeof actionOptions>;

export async function actionOf(runtime: Runtime, command: readonly string[], { erlang, ...options }: ActionOptions): Promise<Action> {
  if (erlang !== undefined) return erlangAction(command, erlang, options);
  if (command.length === 0) throw new UsageError('no command is given', 'put it behind --, as in: wo exec web -- uptime');
  const argv = options.shell ? ['sh', '-c', command[0]!, 'sh', ...command.slice(1)] : [...command];
  return { kind: { $case: 'command', value: { argv, environment: { ...options.env }, settings: await settingsOf(runtime, options) } } };
}

function erlangAction(command: readonly string[], erlang: string, options: Omit<ActionOptions, 'erlang'>): Action {
  if (command.length > 0) throw new UsageError('--erlang and a command do not go together');
  const given = Object.entries(options).find(([, value]) => typeof value === 'object' ? Object.keys(value).length > 0 : value !== undefined && value !== false);
  if (given) throw new UsageError(`--erlang and --${given[0]} do not go together`);
  const expressions = erlang.trim().endsWith('.') ? erlang.trim() : `${erlang.trim()}.`;
  return { kind: { $case: 'erlangEval', value: { expressions } } };
}

async function settingsOf(runtime: Runtime, { cwd, user, secret, stdin, nice, io, killAfter }: Omit<ActionOptions, 'erlang'>): Promise<CommandSettings> {
  if (stdin === '-' && Object.values(secret).includes('-')) throw new UsageError('standard input is either a secret or the input of the command');
  return {
    workingDirectory: cwd ?? '',
    user: user ?? '',
    nice: nice ?? 0,
    ioPriority: io === undefined ? IoPriority.UNSPECIFIED : io === 'low' ? IoPriority.LOW : IoPriority.IDLE,
    secrets: await new SecretReader(runtime).readAll(secret),
    literalArgv: false,
    stdin: stdin === undefined ? Buffer.alloc(0) : await inputOf(runtime, stdin),
    killAfter: killAfter === undefined ? undefined : durationFromMs(killAfter),
  };
}

async function inputOf(runtime: Runtime, given: string): Promise<Buffer> {
  const { stdin, cwd } = runtime.io;
  if (given === '-' && stdin.isTTY === true && runtime.flags.noInput) throw new UsageError('--no-input forbids to read from the terminal');
  const input = await readInput(given === '-' ? stdin : createReadStream(resolve(cwd, given)), limits.execJobBytes).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--stdin: ${given} cannot be read (${error.code})`);
  });
  if (input.length <= limits.execJobBytes) return input;
  throw new UsageError(`--stdin: ${given === '-' ? 'standard input' : given} is longer than ${limits.execJobBytes} bytes, which a command can take along`, 'bring larger files to the nodes in their release, or have the command fetch them');
}
