import { quoted } from '@wombat/proto';

/** Descriptors that the agent gives to `script`, and it hands on to the shell on the terminal. */
export const readyDescriptor = 3;
export const lifeDescriptor = 4;

export interface OnTerminal {
  readonly argv: readonly string[];
  readonly rows: number;
  readonly columns: number;
  /** What SHELL says to the program; `script` itself needs one that reads this text. */
  readonly shell: string;
  /** As it stands in the environment: NAME=VALUE. */
  readonly mark: string;
}

/**
 * What /bin/sh runs on the terminal that script(1) has made: it tells the agent which terminal that is, leaves a watchman
 * behind, and becomes the program.
 *
 * The watchman waits for the end of a socket that only the agent holds: when the agent closes it, or ends in whatever way, it
 * kills all of the terminal's session, and what bears the mark in its environment wherever it has gone, until nothing is left.
 */
export function ptyScript({ argv, rows, columns, shell, mark }: OnTerminal): string {
  const words = argv.map(quoted).join(' ');
  return [
    `stty sane iutf8 rows ${rows} cols ${columns} 2>/dev/null || stty sane rows ${rows} cols ${columns}`,
    `(${watchman(mark)}) ${readyDescriptor}>&- </dev/null >/dev/null 2>&1 &`,
    `tty >&${readyDescriptor}`,
    `SHELL=${quoted(shell)}; export SHELL`,
    `exec ${readyDescriptor}>&- ${lifeDescriptor}<&-`,
    `exec ${words}`,
  ].join('\n');
}

function watchman(mark: string): string {
  return [
    "trap '' HUP INT QUIT TERM TSTP TTOU",
    `read -r _ <&${lifeDescriptor}`,
    `exec ${lifeDescriptor}<&-`,
    'read -r self _ </proc/self/stat',
    'for round in 1 2 3 4 5 6 7 8; do',
    '  found=',
    `  for file in /proc/[0-9]*/stat $(grep -lsF ${quoted(mark)} /proc/[0-9]*/environ); do`,
    '    pid=${file#/proc/}; pid=${pid%/*}',
    '    [ "$pid" = "$self" ] && continue',
    '    case $file in',
    '      */environ) ;;',
    // Behind the name of the program, which may hold anything: state, parent, group, session.
    '      *) read -r line <"$file" || continue; set -- ${line##*) }; [ "$4" = "$$" ] || continue ;;',
    '    esac',
    '    kill -9 "$pid" && found=1',
    '  done',
    '  [ "$found" ] || break',
    '  sleep 0.05',
    'done',
  ].join('\n');
}
