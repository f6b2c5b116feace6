import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { backoffMs, isErrorCode, WombatError, type Clock } from '@wombat/proto';
import { identifyProcess, isAlive, parseIdentity } from '@wombat/proto/processes';
import type { Addresses, DevDirectory } from './dev-directory.js';

export interface CoordinatorProcessOptions {
  readonly launcher: string;
  readonly directory: DevDirectory;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Called whenever the coordinator serves, also after it was restarted. */
  readonly onServing: (addresses: Addresses) => Promise<void>;
  readonly tell: (text: string) => void;
}

const startupMs = 30_000;
const pollMs = 25;
const stopMs = 10_000;
/** After so long a run the next death counts as the first. */
const healthyMs = 30_000;
const maximumEarlyDeaths = 5;

/**
 * Keeps one coordinator running: `starting -> serving -> (dies) -> waiting -> starting`, until it is
 * told to stop. The coordinator has a session of its own, so that Ctrl-C reaches `wo dev` alone.
 */
export class CoordinatorProcess {
  readonly #options: CoordinatorProcessOptions;
  readonly #stopping = new AbortController();
  /** Rejects when it was started again and again in vain, also long after it served first. */
  readonly gaveUp: Promise<never>;
  #giveUp: (reason: unknown) => void = () => {};
  #child: ChildProcess | undefined;
  #running: Promise<void> | undefined;
  #hasServed = false;
  /** Where in its log the latest run begins. */
  #logStart = 0;

  constructor(options: CoordinatorProcessOptions) {
    this.#options = options;
    this.gaveUp = new Promise((_, reject) => (this.#giveUp = reject));
    this.gaveUp.catch(() => {});
  }

  /** Resolves when it serves for the first time. @throws WombatError as it ended itself, else WO_UNAVAILABLE when it will not start */
  start(): Promise<void> {
    const serving = new Promise<void>((resolve) => {
      this.#running = this.#supervise(resolve).catch((error: unknown) => this.#giveUp(error));
    });
    return Promise.race([serving, this.gaveUp]);
  }

  /** TERM, then KILL. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await exited;
      clearTimeout(timer);
    }
    await this.#running;
    await rm(this.#options.directory.coordinatorProcess, { force: true });
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #supervise(onFirstServing: () => void): Promise<void> {
    const { directory, clock, tell } = this.#options;
    await this.#endOrphan();
    let deaths = 0;
    while (!this.#stopping.signal.aborted) {
      const startedAt = clock.monotonic();
      const hasServed = await this.#runOnce(onFirstServing);
      if (this.#stopping.signal.aborted) return;
      if (clock.monotonic() - startedAt > healthyMs) deaths = 0;
      if (!hasServed) {
        const said = await directory.logFrom(this.#logStart);
        // What stops the first start stops the second too.
        const told = this.#hasServed ? undefined : toldError(said);
        if (told) throw told;
        if (deaths >= maximumEarlyDeaths) throw failedToStart(said, directory.log);
      }
      if (hasServed) tell('the coordinator died; nodes and agents go on; it is started again');
      await clock.sleep(backoffMs(deaths++, { initialMs: 200, maximumMs: 10_000 }), this.#stopping.signal).catch(() => {});
    }
  }

  /** Runs it until it exits; answers whether it had served. */
  async #runOnce(onServing: () => void): Promise<boolean> {
    const { directory, launcher, env, tell } = this.#options;
    await directory.forgetAddresses();
    const log = await open(directory.log, 'a', 0o600);
    this.#logStart = (await log.stat()).size;
    try {
      const child = spawn(launcher, coordinatorArguments(directory), { detached: true, stdio: ['ignore', log.fd, log.fd], env: { ...env } });
      this.#child = child;
      const exited = new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', (error) => (tell(`${launcher} cannot be started: ${error.message}`), resolve()));
      });
      await this.#record(child.pid);
      const serving = await this.#untilServing(exited);
      if (serving) {
        await this.#options.onServing(serving);
        if (this.#hasServed) tell('the coordinator is ready again');
        this.#hasServed = true;
        onServing();
      } else if (!this.#stopping.signal.aborted) child.kill('SIGKILL');
      await exited;
      return serving !== undefined;
    } finally {
      await log.close();
    }
  }

  async #untilServing(exited: Promise<void>): Promise<Addresses | undefined> {
    const { directory, clock } = this.#options;
    let hasExited = false;
    void exited.then(() => (hasExited = true));
    const until = clock.monotonic() + startupMs;
    while (!hasExited && clock.monotonic() < until && !this.#stopping.signal.aborted) {
      const addresses = await directory.addresses();
      if (addresses && (await directory.hasCredentials())) return addresses;
      await clock.sleep(pollMs, this.#stopping.signal).catch(() => {});
    }
    return undefined;
  }

  async #record(pid: number | undefined): Promise<void> {
    const identity = pid === undefined ? undefined : identifyProcess(pid);
    if (identity) await writeFile(this.#options.directory.coordinatorProcess, JSON.stringify(identity), { mode: 0o600 });
  }

  /** A killed `wo dev` leaves its coordinator behind: end it, so that two never share a directory. */
  async #endOrphan(): Promise<void> {
    const { directory, clock, tell } = this.#options;
    const left = parseIdentity(await readFile(directory.coordinatorProcess, 'utf8').catch(() => ''));
    if (!left || !isAlive(left)) return;
    tell(`ending the coordinator that an earlier wo dev left behind (process ${left.pid})`);
    const until = clock.monotonic() + stopMs;
    process.kill(left.pid, 'SIGTERM');
    while (isAlive(left)) {
      if (clock.monotonic() > until) process.kill(left.pid, 'SIGKILL');
      await clock.sleep(pollMs, this.#stopping.signal);
    }
  }
}

/** Port 0 is a free one at the first start; the coordinator takes the same one again at each later start. */
function coordinatorArguments(directory: DevDirectory): string[] {
  return ['--directory', directory.coordinator, '--control-address', '127.0.0.1:0', '--agents-address', '127.0.0.1:0', '--http-address', '127.0.0.1:0'];
}

function failedToStart(said: readonly string[], log: string): WombatError {
  const last = said.at(-1) ?? '';
  return new WombatError('WO_UNAVAILABLE', `the coordinator does not start${last && `: ${last.slice(0, 500)}`}`, { hint: `see its log: ${log}` });
}

/** The error by which a coordinator has ended itself, read from the block that it writes last. */
function toldError(said: readonly string[]): WombatError | undefined {
  const [head = '', , hint = ''] = said.slice(-4);
  const [, code = '', message = ''] = /^error (WO_\w+): (.*)$/.exec(head) ?? [];
  if (!isErrorCode(code)) return undefined;
  return new WombatError(code, message, { hint: hint.replace(/^ *try: /, '') });
}
