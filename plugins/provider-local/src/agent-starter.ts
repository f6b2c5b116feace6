import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { ProviderError, type Clock, type HostServices } from '@wombat/plugin-sdk';
import { writeByRename } from './files.js';
import type { LocalPaths } from './host-directory.js';
import type { HostRecord, HostRecords } from './host-records.js';
import type { LocalState } from './local-state.js';
import { isAlive, type ProcessIdentity } from '@wombat/plugin-sdk/processes';
import { startTimeOf, type FoundProcess, type HostProcesses } from './processes.js';
import { epmdAddresses } from './subnet.js';

/** What an agent inherits of the coordinator's environment; all else, secrets included, stays behind. */
const inherited = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'WOMBAT_FAILPOINTS'];

const settlePollMs = 50;

export interface AgentStarterOptions {
  readonly paths: LocalPaths;
  readonly state: LocalState;
  readonly records: HostRecords;
  readonly processes: HostProcesses;
  readonly host: HostServices;
  readonly clock: Clock;
  /** How long a start counts as under way when the agent does not join. */
  readonly settleMs: number;
}

/** Starts agents, each at most once at a time. Whoever calls holds the lock of the host. */
export class AgentStarter {
  readonly #options: AgentStarterOptions;

  constructor(options: AgentStarterOptions) {
    this.#options = options;
  }

  /** The running agent of the host, started when there is none. */
  async ensure(record: HostRecord): Promise<HostRecord> {
    if (isRunning(record)) return record;
    // The coordinator may have died between the start and its record.
    const found = await this.#findAgent(record);
    if (found) return await this.#options.records.save({ ...record, pid: found.pid, startTime: found.startTime });
    return await this.#start(await this.#prepare(record));
  }

  /** Resolves when the agent has joined, died, or had its time. */
  async settled(record: HostRecord): Promise<void> {
    const { paths, clock, settleMs } = this.#options;
    const end = clock.monotonic() + settleMs;
    while (clock.monotonic() < end && isRunning(record) && existsSync(paths.joinToken(record.hostId))) await clock.sleep(settlePollMs);
  }

  async #findAgent(record: HostRecord): Promise<ProcessIdentity | undefined> {
    const directory = this.#options.paths.host(record.hostId);
    const found = await this.#options.processes.find(record.hostId);
    return found.find((each) => isAgentOf(each, directory));
  }

  /** An agent that never joined gets a new token: the old one may have run out. */
  async #prepare(record: HostRecord): Promise<HostRecord> {
    const { paths, records, host } = this.#options;
    const tokenFile = paths.joinToken(record.hostId);
    const hasJoined = record.argv.length > 0 && !existsSync(tokenFile);
    if (hasJoined) return await records.save(withoutProcess(record));
    const { argv, environment, joinToken } = await host.agentCommand(record.hostId);
    if (argv.length === 0) throw ProviderError.unavailable('the coordinator names no program for the agent');
    await mkdir(paths.host(record.hostId), { recursive: true, mode: 0o700 });
    await writeByRename(tokenFile, `${joinToken}\n`);
    return await records.save({ ...withoutProcess(record), argv: [...argv], environment: { ...environment } });
  }

  async #start(record: HostRecord): Promise<HostRecord> {
    const { paths, records } = this.#options;
    const output = await open(paths.agentOutput(record.hostId), 'a', 0o600);
    try {
      const [program, ...words] = [...record.argv, ...this.#flags(record)];
      const pid = await spawnDetached(program!, words, {
        cwd: paths.host(record.hostId),
        env: { ...inheritedEnvironment(), ...record.environment, WOMBAT_HOST_ID: record.hostId },
        output: output.fd,
      });
      // An agent that is dead by now has no start time, and is found dead by the supervisor.
      return await records.save({ ...record, pid, startTime: startTimeOf(pid) ?? '' });
    } finally {
      await output.close();
    }
  }

  #flags({ hostId, address, labels }: HostRecord): readonly string[] {
    const { paths, state } = this.#options;
    const tokenFile = paths.joinToken(hostId);
    return [
      '--directory', paths.host(hostId),
      ...(existsSync(tokenFile) ? ['--join-token-file', tokenFile] : []),
      '--address', address,
      '--epmd-addresses', epmdAddresses(state.subnet).join(','),
      '--epmd-directory', paths.epmd,
      '--log-file', paths.agentLog(hostId),
      ...labels.flatMap((label) => ['--label', label]),
    ];
  }
}

export function isRunning(record: HostRecord): boolean {
  return record.pid !== undefined && isAlive({ pid: record.pid, startTime: record.startTime ?? '' });
}

/** Nodes of the host carry its id too; the agent alone is told the host's directory. */
function isAgentOf(found: FoundProcess, directory: string): boolean {
  const flag = found.arguments.indexOf('--directory');
  return flag >= 0 && found.arguments[flag + 1] === directory;
}

function withoutProcess(record: HostRecord): HostRecord {
  const { pid: _pid, startTime: _startTime, ...rest } = record;
  return rest;
}

function inheritedEnvironment(): Record<string, string> {
  return Object.fromEntries(inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

interface SpawnOptions {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly output: number;
}

/** In a session of its own: it lives on when the coordinator ends. */
async function spawnDetached(program: string, words: readonly string[], { cwd, env, output }: SpawnOptions): Promise<number> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, env, detached: true, stdio: ['ignore', output, output] });
    child.once('error', (error) => reject(ProviderError.unavailable(`the agent cannot be started: ${error.message}`, error)));
    child.once('spawn', () => {
      child.unref();
      resolve(child.pid!);
    });
  });
}
