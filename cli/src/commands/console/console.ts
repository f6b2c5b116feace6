import type { ExitStatus } from '@wombat/proto/agent';
import type { ConsoleOpened } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { flag, oneOf, text } from '../../options.js';
import type { Runtime } from '../../runtime.js';
import { UsageError } from '../../usage-error.js';
import { Conversation } from './conversation.js';

export const nodeConsole = defineCommand({
  description: [
    'Opens the remote console of a node: that of the release when its manifest names one, Erlang\'s or Elixir\'s on an OTP release, else a shell in the root of the node and with its environment. On a host: a login shell.',
    'Every key goes to the other end, also Ctrl-C, Ctrl-D and Ctrl-G. ~. at the beginning of a line leaves; ~~ there is one ~.',
    'When the console ends, however, so does everything that was started on it. Who opened it, where and for how long is an event; what was typed is not.',
    'Needs the permission console, and a terminal: for single commands there is wo exec. Exit code: 0 when it ended well or was left, 1 when the program failed.',
  ].join('\n'),
  examples: [
    { command: 'wo console riak-1', explanation: 'the Erlang shell of a node' },
    { command: 'wo console riak-1 --shell', explanation: 'a shell where the node lies' },
    { command: 'wo console rack-7 --user www-data', explanation: 'a shell on a host, as another user' },
  ],
  arguments: { target: required('id or name of a node or a host', { completes: ['node', 'host'] }) },
  options: {
    on: oneOf('--on <kind>', 'hosts: the host of the node that is named', ['nodes', 'hosts']),
    shell: flag('--shell', 'a shell, whatever console the release has'),
    user: text('--user <name>', 'as this user of the host; the agent must be root'),
    passExit: flag('--pass-exit', 'end with the exit code of the program'),
  },
  async run(runtime, { target }, { on, shell, user = '', passExit }) {
    const { io } = runtime;
    if (io.stdin.isTTY !== true || io.stdout.isTTY !== true || !io.stdin.setRawMode) {
      throw new UsageError('a console needs a terminal for its input and its output', 'for single commands: wo exec TARGET -- COMMAND');
    }
    const wish = { target, onHost: on === 'hosts', shell, user, terminal: io.env['TERM'] ?? '' };
    let opened: ConsoleOpened | undefined;
    const { exit } = await new Conversation(io).run(await runtime.control(), wish, (told) => tellOpened(runtime, (opened = told)));
    tell(runtime, exit ? `the ${opened?.what} on ${opened?.targetName} has ended: ${exitText(exit)}` : `left the ${opened?.what} on ${opened?.targetName}; it is ended`);
    return exit ? exitCode(exit, passExit) : 0;
  },
});

function tellOpened(runtime: Runtime, { what, targetName, user }: ConsoleOpened): void {
  tell(runtime, `${what} on ${targetName}, as ${user}; leave with ~. at the beginning of a line`);
}

function tell({ io, flags }: Runtime, sentence: string): void {
  if (!flags.quiet) io.stderr.write(`${sentence}\n`);
}

function exitText({ kind }: ExitStatus): string {
  if (kind?.$case === 'code') return `exit code ${kind.value}`;
  return kind?.$case === 'signal' ? `signal ${kind.value}` : 'nobody knows how';
}

function exitCode({ kind }: ExitStatus, passExit: boolean): number {
  const code = kind?.$case === 'code' ? kind.value : 1;
  return passExit ? code : Math.min(code, 1);
}
