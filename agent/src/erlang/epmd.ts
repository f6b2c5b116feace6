import { connect } from 'node:net';
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError, type Clock } from '@wombat/proto';
import { openTo, type RunAs } from '../accounts/run-as.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import { findProgram } from '../processes/find-program.js';
import type { RunningProcess } from '../processes/running-process.js';
import { newStartId, type Runner } from '../processes/runner.js';
import { findErlangProgram } from './erl-call.js';

export interface EpmdOptions {
  readonly runner: Runner;
  readonly clock: Clock;
  /** Of the epmd, its log and record; shared by all agents that use one epmd. */
  readonly directory: string;
  /** Where it shall answer besides loopback; none: everywhere. */
  readonly addresses: readonly string[];
  readonly path: string;
}

/** What a node has to offer for an epmd that does not run yet. */
export interface EpmdSource {
  /** The release's own files, which no node can write. */
  readonly treeDirectory: string;
  /** Whom a program out of the release is run as; undefined: the agent's own user. @throws WombatError */
  readonly runAs: () => RunAs | undefined;
}

/** What `epmd.json` holds, for whoever has to end the epmd later. */
export interface EpmdRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly port: number;
}

/** ERL_EPMD_ADDRESS takes about 15 addresses, loopback among them; with more epmd exits without a word. */
const maximumAddresses = 13;
const startTimeoutMs = 10_000;
const answerTimeoutMs = 2_000;

/** Has an epmd answer on a port of this host, starting one where nothing does. */
export class Epmd {
  readonly #options: EpmdOptions;
  readonly #starting = new Map<number, Promise<void>>();

  constructor(options: EpmdOptions) {
    this.#options = options;
  }

  /** @throws WombatError WO_ADDRESS_LIMIT, WO_ERLANG_MISSING, WO_NODE_START_FAILED */
  ensure(port: number, source: EpmdSource): Promise<void> {
    const underWay = this.#starting.get(port) ?? this.#ensure(port, source).finally(() => this.#starting.delete(port));
    this.#starting.set(port, underWay);
    return underWay;
  }

  async #ensure(port: number, source: EpmdSource): Promise<void> {
    if (await answersNames(port)) return;
    const { addresses, directory, path } = this.#options;
    if (addresses.length > maximumAddresses) {
      throw new WombatError('WO_ADDRESS_LIMIT', `epmd can serve ${maximumAddresses} local addresses, not ${addresses.length}`);
    }
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const own = findProgram('epmd', '/', path);
    if (own) return this.#start(port, own, undefined);
    const runAs = source.runAs();
    const copy = await this.#copyOf(source.treeDirectory);
    if (runAs) await openTo(runAs, directory, AbortSignal.timeout(startTimeoutMs));
    return this.#start(port, copy, runAs);
  }

  async #start(port: number, program: string, runAs: RunAs | undefined): Promise<void> {
    const { runner, clock, directory, addresses, path } = this.#options;
    const startId = newStartId();
    const running = await runner.spawn({
      startId,
      // Agents may race for one epmd, so each try has files of its own.
      recordPrefix: join(directory, startId),
      argv: [program],
      runAs,
      workingDirectory: directory,
      environment: cleanEnvironment({ path, home: directory }, {
        WOMBAT_EPMD: '1',
        ERL_EPMD_PORT: String(port),
        ...(addresses.length > 0 ? { ERL_EPMD_ADDRESS: addresses.join(',') } : {}),
      }),
      stdoutFile: join(directory, 'epmd.log'),
      stderrFile: join(directory, 'epmd.log'),
    });
    const deadlineMs = clock.monotonic() + startTimeoutMs;
    for (let pauseMs = 5; !(await answersNames(port)); pauseMs = Math.min(200, pauseMs * 2)) {
      if (clock.monotonic() > deadlineMs || (running.exit && !(await answersNames(port)))) {
        running.signal('SIGTERM');
        throw new WombatError('WO_NODE_START_FAILED', `epmd does not answer on port ${port}: ${await lastLine(join(directory, 'epmd.log'))}`);
      }
      await clock.sleep(pauseMs);
    }
    await this.#recordWinner(running, port, join(directory, startId));
  }

  /** The loser of a race exits by itself, since the port is taken; its files go with it. */
  async #recordWinner(running: RunningProcess, port: number, recordPrefix: string): Promise<void> {
    const { clock, directory } = this.#options;
    // Whoever did not get the port is gone within milliseconds; an answer may be the other's.
    await Promise.race([running.exited, clock.sleep(100)]);
    if (running.exit || !running.child) {
      await Promise.all([rm(`${recordPrefix}.pid`, { force: true }), rm(`${recordPrefix}.exit`, { force: true })]);
      return;
    }
    const record: EpmdRecord = { pid: running.child.pid, startTime: running.child.startTime, port };
    const staged = join(directory, `${running.startId}.json`);
    const file = await open(staged, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(record)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(staged, join(directory, 'epmd.json'));
  }

  /** Never run from a release: it would keep the release's files in use for as long as it lives. */
  async #copyOf(treeDirectory: string): Promise<string> {
    const { directory, path } = this.#options;
    const copy = join(directory, 'epmd');
    if (existsSync(copy)) return copy;
    const released = findErlangProgram('epmd', treeDirectory, path);
    if (!released) throw new WombatError('WO_ERLANG_MISSING', 'neither the host nor the release has epmd');
    const staged = join(directory, `${newStartId()}.epmd`);
    await copyFile(released, staged);
    await rename(staged, copy);
    return copy;
  }
}

/** Whether an epmd answers a NAMES request on loopback. */
export function answersNames(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const finish = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(answerTimeoutMs, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('end', () => finish(false));
    // The answer begins with the port of the epmd, 4 bytes.
    socket.once('data', (data) => finish(data.length >= 4 && data.readUInt32BE(0) === port));
    // Length of the request, and 110: NAMES_REQ.
    socket.write(Buffer.from([0, 1, 110]));
  });
}

async function lastLine(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim().split('\n').at(-1) ?? '';
  } catch {
    return '';
  }
}
