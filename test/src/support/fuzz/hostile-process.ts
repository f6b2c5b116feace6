import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { TestKeyPair } from '../../../../agent/dist/testing/test-authority.js';
import type { Relay } from '../relay.js';

const program = fileURLToPath(new URL('./hostile-program.js', import.meta.url));

/** What the process is told at its beginning. */
export interface HostileOrders {
  readonly clusterId: string;
  /** PEM of the authority. */
  readonly authority: string;
  readonly pair: TestKeyPair;
  readonly seed: string;
  /** The node that is not touched by what an agent may obey. */
  readonly spared: string;
}

export interface HostileCounts {
  /** Of hostile things done so far. */
  readonly cases: number;
  readonly sessions: number;
  /** Connections that were spoken over without gRPC. */
  readonly raw: number;
}

export type HostileWord = { readonly listensAt: string } | { readonly counts: HostileCounts } | 'cut';

const none: HostileCounts = { cases: 0, sessions: 0, raw: 0 };
const sum = (one: HostileCounts, other: HostileCounts): HostileCounts =>
  ({ cases: one.cases + other.cases, sessions: one.sessions + other.sessions, raw: one.raw + other.raw });

/**
 * A hostile coordinator in a process of its own, behind the relay: whoever breaks off what it writes may crash Node's
 * HTTP/2 (a fault of Node's server, not of the agent), and then it begins anew.
 */
export class HostileProcess {
  /** How often it has ended itself. */
  crashes = 0;
  #before = none;
  #now = none;
  #child: ChildProcess | undefined;
  #isOver = false;

  constructor(private readonly relay: Relay, private readonly orders: HostileOrders) {}

  begin(t: Test): void {
    t.teardown(() => this.end());
    this.#start();
  }

  end(): void {
    this.#isOver = true;
    this.#child?.kill('SIGKILL');
  }

  get counts(): HostileCounts {
    return sum(this.#before, this.#now);
  }

  #start(): void {
    const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    child.on('message', (word: HostileWord) => this.#hear(word));
    child.once('exit', () => this.#onExit());
    child.send({ ...this.orders, seed: `${this.orders.seed}-${this.crashes}` } satisfies HostileOrders);
  }

  #hear(word: HostileWord): void {
    if (word === 'cut') return this.relay.cut();
    if ('counts' in word) {
      this.#now = word.counts;
      return;
    }
    this.relay.leadTo(word.listensAt);
    this.relay.cut();
  }

  #onExit(): void {
    this.#before = this.counts;
    this.#now = none;
    if (this.#isOver) return;
    this.crashes += 1;
    this.#start();
  }
}
