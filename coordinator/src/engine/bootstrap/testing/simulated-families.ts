import { createHash } from 'node:crypto';
import { systemClock } from '@wombat/proto';
import type { Test } from 'tap';
import type { Node } from '../../../domain/model/node.js';
import type { Store } from '../../../store/store.js';
import { CountingIds, idNumber } from '../../../testing/counting-ids.js';
import { FakeFleet, outcomeOf, type SentExec } from '../../../testing/fake-fleet.js';
import { FakeStrategies } from '../../../testing/fake-strategies.js';
import { LogBook } from '../../../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../../../testing/rows.js';
import { change, openTestStore, put, row } from '../../../testing/test-store.js';
import { BoundedHistory } from '../../bounded-history.js';
import { Controller } from '../../controller.js';
import { StepRunner } from '../../step-runner.js';
import { Mortal } from '../../testing/mortal.js';
import { BootstrapController } from '../bootstrap-controller.js';
import { hasJoined } from '../cluster-nodes.js';

export interface SimulationOptions {
  readonly families: number;
  /** Of each family. */
  readonly nodes: number;
  readonly strategy: 'serial' | 'parallel';
  /** Draws what goes wrong. */
  readonly seed: string;
  /** Of a join. */
  readonly deadlineMs: number;
}

/** The nodes' own software, and what it knows of its cluster. */
interface Process {
  readonly startId: string;
  /** It and those that are one with it. */
  cluster: Set<string>;
}

/** A join after so many tries goes well: what is shown is not patience. */
const faultyTries = 3;
const faultEach = 0.05;

/** Families whose nodes form clusters in memory, under a coordinator's bootstrap controller that can be killed. */
export class SimulatedFamilies {
  restarts = 0;
  /** How often each kind of fault came. */
  readonly faults = { stalled: 0, 'joined without saying so': 0, refused: 0, 'asked to come later': 0, 'restarted in its join': 0, 'all members silent': 0 };
  readonly #options: SimulationOptions;
  readonly #store: Store;
  readonly #fleet = new FakeFleet();
  readonly #strategies = new FakeStrategies();
  readonly #ids = new CountingIds();
  /** Host id -> its node. */
  readonly #onHost = new Map<string, { readonly number: number; readonly name: string }>();
  /** Node name -> what it runs. */
  readonly #processes = new Map<string, Process>();
  readonly #tries = new Map<string, number>();
  readonly #stop = new AbortController();
  #controller: { readonly steps: StepRunner; end(): void } | undefined;

  private constructor(store: Store, options: SimulationOptions) {
    this.#store = store;
    this.#options = options;
    this.#fleet.onExec = (exec) => void this.#run(exec).catch(() => undefined);
  }

  static async of(test: Test, options: SimulationOptions): Promise<SimulatedFamilies> {
    const simulated = new SimulatedFamilies(await openTestStore(test, systemClock), options);
    test.teardown(() => simulated.#end());
    await simulated.#fill();
    simulated.restart();
    return simulated;
  }

  /** The coordinator dies, and another one begins with what is stored. */
  restart(): void {
    this.#controller?.end();
    if (this.#controller) this.restarts += 1;
    const mortal = new Mortal();
    const store = mortal.store(this.#store);
    const isDead = { yes: false };
    const log = new LogBook();
    const steps = new StepRunner({ fleet: unlessDead(this.#fleet, isDead), clock: systemClock, ids: this.#ids });
    const bootstrap = new BootstrapController({ store, clock: systemClock, strategies: this.#strategies, steps, history: new BoundedHistory({ store, clock: systemClock, log }) });
    const controller = new Controller({
      name: 'bootstrap', clock: systemClock, log, concurrency: this.#options.families, sweepEveryMs: 1_000,
      all: () => bootstrap.all(), reconcile: (id, signal) => bootstrap.reconcile(id, signal),
    });
    const unsubscribe = store.onCommit(({ changes }) => {
      for (const { kind, object } of changes) if (kind === 'nodes' && object) controller.wake((object as Node).familyId);
    });
    this.#controller = {
      steps,
      end: () => {
        isDead.yes = true;
        mortal.die();
        unsubscribe();
        void controller.stop();
      },
    };
    void controller.start();
  }

  /** Names of the families that are not all joined, or not told to be one cluster, and why. */
  async unfinished(): Promise<string[]> {
    const notOne = (await this.#store.read.families.find({})).filter(({ cluster }) => cluster.health !== 'one').map(({ name, cluster }) => `${name} is ${cluster.health}`);
    const notJoined = (await this.#store.read.nodes.find({})).filter((node) => node.phase !== 'running' || !hasJoined(node)).map((node) => `${node.name} is ${node.phase}${node.waiting ? `: ${node.waiting.reason}` : ''}`);
    return [...notOne, ...notJoined];
  }

  /** Families whose processes are not one cluster, as they themselves know it. */
  split(): string[] {
    return this.#numbers(this.#options.families).filter((family) => {
      const names = this.#numbers(this.#options.nodes).map((node) => nameOf(family, node));
      return names.some((name) => names.some((other) => !this.#processes.get(name)?.cluster.has(other)));
    }).map((family) => `family ${family}`);
  }

  async #fill(): Promise<void> {
    const { families, nodes, strategy, deadlineMs } = this.#options;
    const bootstrap = { strategy, options: { deadlineMs: String(deadlineMs) } };
    const all = this.#numbers(families).flatMap((family) => this.#numbers(nodes).map((node) => ({ family, node, number: family * nodes + node })));
    await put(this.#store, 'families', ...this.#numbers(families).map((family) => familyRow({ cluster: { health: 'forming', parts: [] } }, { bootstrap, selector: 'random' }, family)));
    await put(this.#store, 'hosts', ...all.map(({ number }) => hostRow(number)));
    await put(this.#store, 'nodes', ...all.map(({ family, node, number }) => nodeRow(idNumber('fam', family), number, { name: nameOf(family, node), ordinal: node, phase: 'starting' })));
    for (const { family, node, number } of all) {
      this.#onHost.set(idNumber('host', number), { number, name: nameOf(family, node) });
      this.#fleet.connect(idNumber('host', number));
      this.#inBackground(this.#startLater(number, nameOf(family, node)));
    }
    for (const family of this.#numbers(families)) if (this.#draw(`silence of ${family}`) < 0.25) this.#inBackground(this.#fallSilent(family));
  }

  async #startLater(number: number, name: string): Promise<void> {
    await this.#pass(this.#draw(`start of ${name}`) * this.#options.deadlineMs * 2);
    await this.#startProcess(number, name);
  }

  /** A new process knows nobody; those that it was one with have lost it. */
  async #startProcess(number: number, name: string): Promise<void> {
    this.#processes.get(name)?.cluster.delete(name);
    const startId = `start of ${name} ${Math.random()}`;
    this.#processes.set(name, { startId, cluster: new Set([name]) });
    await change(this.#store, 'nodes', idNumber('node', number), { startId, phase: 'ready' });
  }

  /** The hosts of all that have joined, once some have, for longer than a join may take: whoever comes meanwhile is alone. */
  async #fallSilent(family: number): Promise<void> {
    const { deadlineMs } = this.#options;
    const silent = await this.#firstMembers(family);
    this.faults['all members silent'] += 1;
    for (const { id, hostId } of silent) {
      this.#fleet.connected.delete(hostId);
      await change(this.#store, 'nodes', id, { phase: 'unknown' });
    }
    await this.#pass(deadlineMs * 2);
    for (const { id, hostId } of silent) {
      this.#fleet.connect(hostId);
      await change(this.#store, 'nodes', id, { phase: hasJoined(await row(this.#store, 'nodes', id)) ? 'running' : 'ready' });
    }
  }

  async #firstMembers(family: number): Promise<readonly Node[]> {
    for (;;) {
      await this.#pass(this.#options.deadlineMs / 8);
      const members = (await this.#store.read.nodes.find({ familyId: idNumber('fam', family), phase: ['running'] })).filter(hasJoined);
      if (members.length > 0) return members;
    }
  }

  async #run(exec: SentExec): Promise<void> {
    const kind = exec.job.action?.kind;
    if (kind?.$case !== 'command') throw new Error('the strategy runs commands only');
    const [verb, ...contacts] = kind.value.argv;
    const { number, name } = this.#onHost.get(exec.hostId)!;
    if (verb === 'members') return this.#answer(exec, 0, [...this.#processes.get(name)!.cluster].join(' '));
    const tries = (this.#tries.get(name) ?? 0) + 1;
    this.#tries.set(name, tries);
    const drawn = Math.floor(tries > faultyTries ? 9 : this.#draw(`try ${tries} of ${name}`) / faultEach);
    await this.#pass(this.#draw(`time of ${tries} of ${name}`) * this.#options.deadlineMs * 0.3);
    const faults = [
      (): void => this.#count('stalled'),
      async (): Promise<void> => {
        this.#join(name, contacts);
        this.#count('joined without saying so');
        await this.#answer(exec, 1);
      },
      async (): Promise<void> => (this.#count('refused'), this.#answer(exec, 1)),
      async (): Promise<void> => (this.#count('asked to come later'), this.#answer(exec, 75)),
      async (): Promise<void> => {
        this.#count('restarted in its join');
        await this.#startProcess(number, name);
      },
    ];
    const fault = faults[drawn];
    if (fault) await fault();
    else await this.#answer(exec, this.#join(name, contacts) ? 0 : 1);
  }

  /** Who joins leaves whom it was one with. False: none of its contacts answers. */
  #join(name: string, contacts: readonly string[]): boolean {
    const own = this.#processes.get(name)!;
    if (contacts.length === 0 || contacts.some((contact) => own.cluster.has(contact))) return true;
    const contact = contacts.map((one) => this.#processes.get(one)).find((process) => process !== undefined);
    if (!contact) return false;
    own.cluster.delete(name);
    contact.cluster.add(name);
    own.cluster = contact.cluster;
    return true;
  }

  /** What it says reaches only the coordinator that lives by then, as over a session. */
  async #answer(exec: SentExec, exitCode: number, stdout = ''): Promise<void> {
    await this.#pass(1);
    if (this.#fleet.isConnected(exec.hostId)) this.#controller?.steps.take(exec.hostId, outcomeOf(exec, exitCode, stdout));
  }

  #count(fault: keyof SimulatedFamilies['faults']): void {
    this.faults[fault] += 1;
  }

  /** From 0 to 1, by the seed. */
  #draw(what: string): number {
    return createHash('sha256').update(`${this.#options.seed} ${this.#options.strategy} ${what}`).digest().readUInt32BE() / 2 ** 32;
  }

  #numbers(count: number): number[] {
    return Array.from({ length: count }, (_, index) => index + 1);
  }

  #pass(ms: number): Promise<void> {
    return systemClock.sleep(ms, this.#stop.signal);
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  #end(): void {
    this.#stop.abort(new Error('over'));
    this.#controller?.end();
  }
}

function nameOf(family: number, node: number): string {
  return `f${family}-${node}`;
}

/** A process that has died sends nothing. */
function unlessDead(fleet: FakeFleet, isDead: { readonly yes: boolean }): FakeFleet {
  return new Proxy(fleet, {
    get: (target, name: keyof FakeFleet) => {
      const value = target[name];
      if (typeof value !== 'function') return value;
      return (...words: never[]): unknown => (isDead.yes ? undefined : (value as (...words: never[]) => unknown).apply(target, words));
    },
  });
}
