import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process of this machine, told apart from a later one with the same pid by its start time. */
export interface Process {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat. */
  readonly startTime: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Every process that runs from, in, or into the directory: by argument, environment, working directory or output. */
export function processesIn(directory: string): Process[] {
  return pids().flatMap((pid) => (pid !== process.pid && belongsTo(pid, directory) ? readProcess(pid) : []));
}

/** Undefined when there is no such process, or only its zombie. */
export function startTimeOf(pid: number): string | undefined {
  const [state, ...rest] = statOf(pid);
  return state === 'Z' || state === 'X' ? undefined : rest[18];
}

export function isAlive({ pid, startTime }: Pick<Process, 'pid' | 'startTime'>): boolean {
  return startTimeOf(pid) === startTime;
}

/** Sends the signal when the process still is the one that is meant. */
export function signalProcess(target: Pick<Process, 'pid' | 'startTime'>, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export function isAgent({ argv }: Process): boolean {
  return argv.some((word) => /agent\.cjs$|agent\/dist\/main\.js$|wombat-agent$/.test(word)) && argv.includes('--coordinator');
}

/** The agents among the processes. What an agent has forked looks like it until it becomes a program of its own. */
export function agentsAmong(processes: readonly Process[]): Process[] {
  const candidates = processes.filter(isAgent);
  const pids = new Set(candidates.map(({ pid }) => pid));
  // In this order: a fork is known by its parent, or the parent has died meanwhile and counts no more.
  return candidates.filter(({ pid }) => !pids.has(parentOf(pid))).filter(isAlive);
}

export function isCoordinator({ argv }: Process): boolean {
  return argv.some((word) => word.endsWith('/wombat-coordinator'));
}

export function isWo({ argv }: Process): boolean {
  return argv.some((word) => word.endsWith('/cli/bin/wo.js'));
}

/** Name of the program's file, whatever the process calls itself. */
export function programOf({ pid }: Pick<Process, 'pid'>): string {
  return read(pid, 'comm').trim();
}

export function isBeam(process: Process): boolean {
  return programOf(process).startsWith('beam');
}

export function isEpmd(process: Process): boolean {
  return programOf(process) === 'epmd';
}

/** One line for messages. */
export function describeProcess({ pid, argv }: Process): string {
  return `${pid} ${argv.join(' ').replaceAll(/\s+/g, ' ').slice(0, 160)}`;
}

/** NaN when there is no such process. */
function parentOf(pid: number): number {
  return Number(statOf(pid)[1] ?? NaN);
}

/** From field 3 on: the name, field 2, stands in parentheses and may hold anything. */
function statOf(pid: number): string[] {
  const stat = read(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readProcess(pid: number): Process[] {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) return [];
  const argv = read(pid, 'cmdline').split('\0').slice(0, -1);
  const environment = Object.fromEntries(read(pid, 'environ').split('\0').filter(Boolean).map((entry) => split(entry)));
  return [{ pid, startTime, argv, environment }];
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return [entry.slice(0, at), entry.slice(at + 1)];
}

function belongsTo(pid: number, directory: string): boolean {
  const mentions = (text: string): boolean => text.includes(directory);
  return mentions(read(pid, 'cmdline')) || mentions(read(pid, 'environ')) || ['cwd', 'fd/1', 'fd/2'].some((name) => mentions(link(pid, name)));
}

function pids(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Processes end while they are read. */
function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function link(pid: number, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}
