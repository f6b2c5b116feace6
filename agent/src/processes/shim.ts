/** Limits set on the child only, not on the shim. */
export interface ChildLimits {
  readonly openFiles?: number;
  readonly processes?: number;
  readonly nice?: number;
  /** How it shares the disk: the last in turn, or only while nobody else wants it. */
  readonly io?: 'low' | 'idle';
  /** File of a control group, which is joined before all else. */
  readonly groupFile?: string;
}

/**
 * What /bin/sh runs as the leader of each session, so that a child outlives the agent and its exit
 * is known all the same. Called as `sh -c SCRIPT PREFIX argv...`.
 *
 *   PREFIX.pid   two lines, both of /proc/self/stat: the shim's and the child's
 *   PREFIX.exit  the exit status, ended by a newline; a line like "Killed" before it when a signal
 *                ended the child, since the shell's own complaints go there too
 *
 * Both are written by a single write, and count only when they end with a newline: as good as a
 * rename, without a fork for `mv`. The child runs in the foreground of the shell, so that INT and
 * QUIT are not ignored in it; the traps let the shim live through signals to the whole group.
 */
export function shimScript(limits: ChildLimits = {}): string {
  return [
    'trap : HUP INT QUIT TERM',
    'read -r leader </proc/self/stat',
    'exec 3>&2 2>>"$0.exit"',
    `(read -r child </proc/self/stat; printf '%s\\n%s\\n' "$leader" "$child" >"$0.pid"; exec 2>&3 3>&-; ${limitCommands(limits)}exec ${nice(limits)}${ionice(limits)}"$@")`,
    'status=$?; echo "$status" >&2; exit "$status"',
  ].join('\n');
}

function limitCommands({ openFiles, processes, groupFile }: ChildLimits): string {
  const group = groupFile ? `echo 0 >'${groupFile}' || exit 126; ` : '';
  // dash knows the number of processes as -p, bash and busybox as -u.
  const files = openFiles ? `ulimit -n ${whole(openFiles)} || exit 126; ` : '';
  const children = processes ? `ulimit -u ${whole(processes)} 2>/dev/null || ulimit -p ${whole(processes)} || exit 126; ` : '';
  return group + files + children;
}

function nice({ nice: level }: ChildLimits): string {
  return level ? `nice -n ${Math.trunc(level)} ` : '';
}

function ionice({ io }: ChildLimits): string {
  if (!io) return '';
  return io === 'idle' ? 'ionice -c 3 ' : 'ionice -c 2 -n 7 ';
}

function whole(value: number): number {
  return Math.max(1, Math.trunc(value));
}
