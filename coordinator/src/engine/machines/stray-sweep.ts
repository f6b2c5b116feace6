import { WombatError, type Clock, type Ids } from '@wombat/proto';
import type { Provider } from '../../domain/model/provider.js';
import type { NewEvent } from '../../domain/model/event.js';
import type { Stray } from '../../domain/model/stray.js';
import { presentHostPhases } from '../../domain/states/host-states.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store, Transaction } from '../../store/store.js';
import { storedError } from '../events.js';
import { failHost } from '../move-host.js';
import type { Log } from '../ports.js';
import { findStrays, type FoundStray } from './find-strays.js';
import type { Machines } from './machines.js';

export interface StraySweepOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly fleet: Pick<Fleet, 'isConnected'>;
  readonly machines: Pick<Machines, 'callsOf'>;
  readonly appearsWithinMs: number;
  readonly everyMs: number;
  /** Remove orphans by itself when they have been there for so long. 0: only tell. */
  readonly removeAfterMs: number;
  /** @default Math.random */
  readonly random?: () => number;
}

/** Looks now and then, at each provider by itself, for machines without a host and hosts without a machine. */
export class StraySweep {
  readonly #options: StraySweepOptions;
  readonly #stop = new AbortController();
  /** The sweep of a provider that was asked for last: no two of one provider run at once. */
  readonly #sweeps = new Map<string, Promise<void>>();
  #running: Promise<void> | undefined;

  constructor(options: StraySweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    await Promise.allSettled([this.#running, ...this.#sweeps.values()]);
  }

  /** Asks a provider for its machines, writes what is found, and removes what is to be removed. */
  async sweep(provider: Provider): Promise<void> {
    const before = this.#sweeps.get(provider.id) ?? Promise.resolve();
    const sweep = before.catch(() => undefined).then(() => this.#sweep(provider, this.#stop.signal));
    this.#sweeps.set(provider.id, sweep);
    try {
      await sweep;
    } finally {
      if (this.#sweeps.get(provider.id) === sweep) this.#sweeps.delete(provider.id);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { store, clock, log, everyMs, random = Math.random } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(everyMs * (0.8 + 0.4 * random()), signal).catch(() => undefined);
      if (signal.aborted) return;
      const providers = await store.read.providers.find({}).catch(() => []);
      // Nobody waits for a slow one: its next sweep follows this one.
      for (const provider of providers) {
        if (this.#sweeps.has(provider.id)) continue;
        void this.sweep(provider).catch((error: unknown) => log.warn({ providerId: provider.id, err: error }, 'the machines of a provider could not be swept'));
      }
    }
  }

  async #sweep(provider: Provider, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { store, clock, machines, fleet, appearsWithinMs } = this.#options;
    const hostsBefore = await store.read.hosts.find({ providerId: provider.id, phase: presentHostPhases });
    const listed = await machines.callsOf(provider.id).list(signal);
    await store.transaction(async (transaction) => {
      const keys = [...new Set([...hostsBefore, ...listed].map(({ key }) => key))].filter((key) => key !== '');
      const hostsAfter = new Map((keys.length === 0 ? [] : await transaction.hosts.find({ key: keys })).map((host) => [host.key, host]));
      const found = findStrays({ providerId: provider.id, machines: listed, hostsBefore, hostsAfter, isConnected: (hostId) => fleet.isConnected(hostId), now: clock.now(), appearsWithinMs });
      await this.#record(transaction, provider, found);
    });
    await this.#remove(provider, signal);
  }

  async #record(transaction: Transaction, provider: Provider, found: readonly FoundStray[]): Promise<void> {
    const { ids, clock, removeAfterMs } = this.#options;
    const known = new Map((await transaction.strays.find({ providerId: provider.id })).map((stray) => [nameOf(stray), stray]));
    for (const each of found) {
      const stray = known.get(nameOf(each));
      known.delete(nameOf(each));
      if (!stray) {
        const fresh = await transaction.strays.insert({ ...each, id: ids.next('stray'), name: nameOf(each), providerId: provider.id, generation: 1, observedGeneration: 1 });
        await transaction.events.append(strayEvent(fresh, provider, 'found', `${wordsOf(fresh, provider)}: ${fresh.reason}`));
      } else if (removeAfterMs > 0 && isForPolicy(stray) && clock.now() - stray.createdAt >= removeAfterMs) {
        await transaction.strays.update({ ...stray, removal: { by: 'policy', askedAt: clock.now() } });
      }
    }
    for (const over of known.values()) await transaction.strays.delete(over.id);
  }

  async #remove(provider: Provider, signal: AbortSignal): Promise<void> {
    const { store, machines } = this.#options;
    const wanted = (await store.read.strays.find({ providerId: provider.id })).filter(({ removal }) => removal !== undefined);
    const orphans = wanted.filter(({ kind }) => kind === 'orphan');
    const calls = machines.callsOf(provider.id);
    for (const orphan of orphans) {
      await calls.pace.enter(signal);
      const [error] = await calls.destroy([orphan.machineId], signal);
      await store.transaction((transaction) => (error ? failed(transaction, orphan, error) : removed(transaction, orphan, provider)));
    }
    for (const ghost of wanted) if (ghost.kind === 'ghost') await store.transaction((transaction) => this.#lay(transaction, ghost, provider));
  }

  /** The host of a ghost fails, and what was to run on it with it. */
  async #lay(transaction: Transaction, ghost: Stray, provider: Provider): Promise<void> {
    const { clock, fleet } = this.#options;
    const host = await transaction.hosts.get(ghost.hostId);
    const isOver = fleet.isConnected(ghost.hostId) || host?.machineId !== ghost.machineId || host.desired === 'absent' || host.phase === 'up';
    if (isOver) return void (await transaction.strays.delete(ghost.id));
    await failHost(transaction, clock, ghost.hostId, new WombatError('WO_MACHINE_GONE', `the provider ${provider.name} has no machine ${ghost.machineId} any more`));
    await removed(transaction, ghost, provider);
  }
}

async function removed(transaction: Transaction, stray: Stray, provider: Provider): Promise<void> {
  if (!(await transaction.strays.delete(stray.id))) return;
  await transaction.events.append(strayEvent(stray, provider, 'removed', `${wordsOf(stray, provider)} was removed, as asked by ${stray.removal?.by ?? ''}`));
}

async function failed(transaction: Transaction, { id }: Stray, error: WombatError): Promise<void> {
  const stray = await transaction.strays.get(id);
  if (stray) await transaction.strays.update({ ...stray, lastError: storedError(error) });
}

/** What becomes of the nodes of a ghost is for an operator, or for the healing of their families, to say. */
function isForPolicy({ kind, isTwin, removal }: Stray): boolean {
  return kind === 'orphan' && !isTwin && !removal;
}

/** What it is known by from sweep to sweep. */
function nameOf({ kind, machineId }: Pick<Stray, 'kind' | 'machineId'>): string {
  return `${kind} ${machineId}`;
}

function wordsOf(stray: Stray, provider: Provider): string {
  return stray.kind === 'orphan' ? `orphan: machine ${stray.machineId} of ${provider.name}` : `ghost: machine ${stray.machineId} of ${provider.name} is missing`;
}

function strayEvent(stray: Stray, provider: Provider, reason: 'found' | 'removed', message: string): NewEvent {
  const { kind, machineId, key, hostId } = stray;
  return { type: `stray.${reason}`, subjectId: stray.id, subjectName: stray.name, hostId, reason: kind, message, payload: { kind, providerId: provider.id, machineId, key } };
}
