import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type AgentCommand, type CallContext, type HostSpec, type Machine, type CreateHostResult } from '@wombat/plugin-sdk';
import { FakeHost } from '@wombat/plugin-sdk/testing';
import { LocalProvider, type LocalProviderOptions } from '../local-provider.js';
import { isAlive } from '@wombat/plugin-sdk/processes';
import { startTimeOf } from '../processes.js';

/** Stands for the agent: joins (removes the token), tells that it has started, and lives until it is ended. */
const agentProgram = `
const { appendFileSync, existsSync, rmSync, writeFileSync } = require('node:fs');
const { spawn } = require('node:child_process');
const value = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const directory = value('--directory');
const mode = process.env.FAKE_AGENT_MODE ?? '';
writeFileSync(directory + '/arguments.json', JSON.stringify(process.argv.slice(2)));
writeFileSync(directory + '/environment.json', JSON.stringify(process.env));
if (mode === 'dies') { appendFileSync(directory + '/starts', process.pid + '\\n'); process.exit(1); }
if (mode === 'stubborn') process.on('SIGTERM', () => {});
if (mode.startsWith('node')) {
  const script = mode === 'node-stubborn' ? "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)" : 'setInterval(() => {}, 1000)';
  const node = spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore', env: { ...process.env, WOMBAT_NODE_ID: 'node-aaaaaaaaaaaa' } });
  writeFileSync(directory + '/node.pid', String(node.pid));
}
if (mode !== 'never-joins' && existsSync(directory + '/join-token')) rmSync(directory + '/join-token');
appendFileSync(directory + '/starts', process.pid + '\\n');
setInterval(() => {}, 1000);
`;

export const clusterId = 'localtest';

/** Distinct ids that are shaped as ids are. */
export function hostId(number: number): string {
  return `host-${'abcdefghijklmnopqrstuvwxyz'[number % 26]!.repeat(10)}${'abcdefghijklmnopqrstuvwxyz'[Math.floor(number / 26)]!.repeat(2)}`;
}

export function spec(number: number, changed: Partial<HostSpec> = {}): HostSpec {
  return {
    key: `key-${number}`, hostId: hostId(number), image: 'local', hardwareProfile: 'host', region: '', zone: '', tags: {},
    firewallGroup: '', spot: false, labels: [], ...changed,
  };
}

/** A directory, instances of the driver in it, and everything ended when the test ends. */
export class LocalTest {
  readonly directory = mkdtempSync(join(tmpdir(), 'wombat-local-'));
  readonly host = new FakeHost({ agentCommand: (id) => this.agentCommand(id) });
  readonly #instances: LocalProvider[] = [];
  /** What the next agents do: see the program. */
  mode = '';

  constructor() {
    mkdirSync(join(this.directory, 'data'));
    writeFileSync(join(this.directory, 'agent.cjs'), agentProgram);
  }

  get data(): string {
    return join(this.directory, 'data');
  }

  agentCommand(id: string): AgentCommand {
    return {
      argv: [process.execPath, join(this.directory, 'agent.cjs')],
      environment: { FAKE_AGENT_MODE: this.mode },
      joinToken: `token-of-${id}`,
    };
  }

  async open(changed: Partial<LocalProviderOptions> = {}): Promise<LocalProvider> {
    const provider = await LocalProvider.open({
      subnet: undefined, zones: [], clusterId, dataDirectory: this.data, host: this.host, clock: systemClock,
      supervision: { sweepMs: 20, firstDelayMs: 20, longestDelayMs: 100, steadyMs: 10_000 },
      destruction: { agentMs: 300, nodesMs: 300 },
      ...changed,
    });
    this.#instances.push(provider);
    return provider;
  }

  /** Pids of all agents that were ever started for the host, the newest last. */
  starts(number: number): readonly number[] {
    try {
      // What stands behind the last line break is still being written.
      return readFileSync(join(this.hostDirectory(number), 'starts'), 'utf8').split('\n').slice(0, -1).map(Number);
    } catch {
      return [];
    }
  }

  hostDirectory(number: number): string {
    return join(this.data, 'hosts', hostId(number));
  }

  readJson(number: number, file: string): unknown {
    return JSON.parse(readFileSync(join(this.hostDirectory(number), file), 'utf8'));
  }

  record(number: number): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.data, 'records', `${hostId(number)}.json`), 'utf8')) as Record<string, unknown>;
  }

  /** As a crash would leave it. */
  writeRecord(number: number, record: Record<string, unknown>): void {
    mkdirSync(join(this.data, 'records'), { recursive: true });
    writeFileSync(join(this.data, 'records', `${hostId(number)}.json`), JSON.stringify(record));
  }


  async end(): Promise<void> {
    for (const instance of this.#instances) {
      const machines = await instance.listHosts();
      await instance.destroyHosts(machines.map(({ machineId }) => machineId));
      await instance.close();
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const call: CallContext = { signal: new AbortController().signal };

export function isPidAlive(pid: number): boolean {
  const startTime = startTimeOf(pid);
  return startTime !== undefined && isAlive({ pid, startTime });
}

export function machineOf(result: CreateHostResult | undefined): Machine {
  if (result?.outcome?.$case !== 'machine') throw new Error(`no machine was made: ${JSON.stringify(result?.outcome?.value)}`);
  return result.outcome.value;
}

/** Waits for what other processes bring about, with a bound. */
export async function eventually(what: string, holds: () => boolean, withinMs = 15_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not happen within ${withinMs} ms: ${what}`);
    await systemClock.sleep(10);
  }
}
