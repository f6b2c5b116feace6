import {
  created, failed, isId, KeyedLock, Limiter, orAborted, ProviderError, tagNames, tagsOf,
  type Clock, type CreateHostResult, type HostServices, type HostSpec, type Machine,
} from '@wombat/plugin-sdk';
import { asItIs } from './as-it-is.js';
import { describeTarget, type Target } from './inventory.js';
import { toMachine } from './machine-of.js';
import { inPlace, noMachine } from './no-machine.js';
import type { Records } from './records.js';
import { usable, type RemoteMachines } from './remote-machine.js';
import type { Sight } from './sight.js';
import type { Seen, Survey } from './survey.js';

const installsAtOnce = 16;
/** For so long a machine on which the agent could not be installed is the last that is tried. */
const shunMs = 600_000;

export interface CreationsOptions {
  readonly machines: RemoteMachines;
  readonly survey: Survey;
  readonly records: Records;
  readonly inventory: () => Promise<readonly Target[]>;
  readonly clusterId: string;
  readonly host: HostServices;
  readonly clock: Clock;
}

/** What one call of createHosts knows: its hosts share one look at all machines. */
interface Batch {
  readonly signal: AbortSignal;
  readonly targets: readonly Target[];
  readonly seen: () => Promise<readonly Seen[]>;
}

/**
 * Turns machines into hosts, one for each key. The machine that a key was meant for is on disk before it is asked, and the
 * reservation stands on the machine before anything is installed: whoever asks again comes to the same one.
 */
export class Creations {
  readonly #options: CreationsOptions;
  readonly #locks = new KeyedLock();
  readonly #installs = new Limiter(installsAtOnce);
  readonly #shunned = new Map<string, number>();

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  async create(specs: readonly HostSpec[], signal: AbortSignal): Promise<CreateHostResult[]> {
    const { inventory, survey } = this.#options;
    const targets = await inventory();
    let seen: Promise<readonly Seen[]> | undefined;
    const batch: Batch = { signal, targets, seen: () => (seen ??= survey.look(targets, signal)) };
    return await Promise.all(specs.map(async (spec) => {
      try {
        const work = this.#locks.run(spec.key, async () => await this.#createOne(spec, batch));
        return created(spec.key, await orAborted(work, signal));
      } catch (error) {
        return failed(spec.key, signal.aborted ? ProviderError.unavailable('the creation was called off; what had begun goes on', error) : error);
      }
    }));
  }

  async #createOne(spec: HostSpec, batch: Batch): Promise<Machine> {
    check(spec);
    const release = await this.#installs.acquire();
    try {
      batch.signal.throwIfAborted();
      const known = await this.#known(spec, batch);
      // It is made before anything is reserved: there may be none to be had.
      const payload = Buffer.from(await this.#options.host.installPayload(spec.hostId)).toString('utf8');
      if (known) return await this.#install(known, spec, payload, batch.signal) ?? await this.#anywhere(spec, payload, batch);
      return await this.#anywhere(spec, payload, batch);
    } finally {
      release();
    }
  }

  /** The machine that has the key, or was to have it. */
  async #known(spec: HostSpec, batch: Batch): Promise<Target | undefined> {
    const isKey = (tags: Readonly<Record<string, string>>): boolean => this.#isOurs(tags) && tags[tagNames.key] === spec.key;
    const name = this.#options.records.find(isKey);
    const recorded = batch.targets.find((target) => target.name === name);
    if (recorded) return recorded;
    return (await batch.seen()).find(({ sight }) => sight?.kind === 'host' && isKey(sight.host.tags))?.target;
  }

  async #anywhere(spec: HostSpec, payload: string, batch: Batch): Promise<Machine> {
    const places = new Set(inPlace(batch.targets, spec.region, spec.zone));
    const seen = (await batch.seen()).filter(({ target }) => places.has(target));
    const free = seen.filter(({ sight }) => sight?.kind === 'free').map(({ target }) => target);
    const tried = new Set<Target>();
    for (let target = this.#next(free, tried); target; target = this.#next(free, tried)) {
      tried.add(target);
      const made = await this.#install(target, spec, payload, batch.signal);
      if (made) return made;
    }
    throw noMachine(seen, this.#options.clusterId);
  }

  /** Those on which an installation has failed come last. */
  #next(free: readonly Target[], tried: ReadonlySet<Target>): Target | undefined {
    const now = this.#options.clock.now();
    const { records } = this.#options;
    const open = free.filter((target) => !tried.has(target) && !records.isClaimed(target.name) && !records.get(target.name)?.host);
    return open.find(({ name }) => (this.#shunned.get(name) ?? 0) <= now) ?? open[0];
  }

  /** Undefined: the machine is not to be had. @throws ProviderError when nobody knows, or the agent cannot be installed */
  async #install(target: Target, spec: HostSpec, payload: string, signal: AbortSignal): Promise<Machine | undefined> {
    return await this.#options.records.claim(target.name, async () => {
      const sight = await this.#ensure(target, spec, payload, signal);
      if (sight?.kind === 'failed') throw this.#couldNot(target, spec, sight.log);
      if (sight?.kind !== 'host' || sight.host.tags[tagNames.key] !== spec.key || !this.#isOurs(sight.host.tags)) return undefined;
      if (sight.host.state === 'releasing') throw ProviderError.unavailable(`${describeTarget(target)} is being given back`);
      return await toMachine(target, sight.host);
    });
  }

  /** Undefined: it could not be asked, so nothing has run; any other failure leaves the record that the host may be there. */
  async #ensure(target: Target, spec: HostSpec, payload: string, signal: AbortSignal): Promise<Sight | undefined> {
    const { machines, records, clusterId, survey, host } = this.#options;
    const tags = tagsOf(spec, clusterId);
    const before = records.get(target.name);
    await records.set(target.name, { host: { tags } });
    let hasRun = false;
    try {
      const sight = await machines.ensure(target, { host: spec.hostId, key: spec.key, tags, payload }, { signal, onSend: () => (hasRun = true) });
      hasRun = sight.kind !== 'refused';
      await survey.record(target, usable(target, sight));
      return sight;
    } catch (error) {
      if (hasRun || before?.host?.tags[tagNames.key] === spec.key) throw error;
      await records.set(target.name, before ?? {});
      signal.throwIfAborted();
      host.log.warn('a machine is passed over', { machine: target.name, why: ProviderError.from(error).message });
      return undefined;
    }
  }

  /** The machine has taken away by itself what was there. */
  #couldNot(target: Target, { hostId }: HostSpec, said: string): ProviderError {
    const { clock, host } = this.#options;
    this.#shunned.set(target.name, clock.now() + shunMs);
    host.log.warn('the agent could not be installed', { machine: target.name, hostId, said });
    return ProviderError.unavailable(`${describeTarget(target)}: the agent could not be installed: ${said || 'nothing was said'}`);
  }

  #isOurs(tags: Readonly<Record<string, string>>): boolean {
    return tags[tagNames.cluster] === this.#options.clusterId;
  }
}

function check({ key, hostId, image, hardwareProfile }: HostSpec): void {
  if (!/^[a-z0-9-]{1,60}$/.test(key)) throw ProviderError.invalid('key', 'a key is 1-60 characters of a-z, 0-9 and dash');
  if (!isId(hostId, 'host')) throw ProviderError.invalid('hostId', 'this is no id of a host');
  if (image !== asItIs) throw ProviderError.invalid('image', `there is one image, ${asItIs}`);
  if (hardwareProfile !== asItIs) throw ProviderError.invalid('hardwareProfile', `there is one hardware profile, ${asItIs}`);
}
