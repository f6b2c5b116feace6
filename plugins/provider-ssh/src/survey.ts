import { Limiter, ProviderError, tagNames } from '@wombat/plugin-sdk';
import type { Target } from './inventory.js';
import type { Records } from './records.js';
import type { RemoteMachines } from './remote-machine.js';
import type { Sight } from './sight.js';

/** Those that do not answer take ten seconds each. */
const looksAtOnce = 128;

/** A machine as it was seen just now, or why it could not be. */
export type Seen =
  | { readonly target: Target; readonly sight: Sight; readonly error?: undefined }
  | { readonly target: Target; readonly sight?: undefined; readonly error: ProviderError };

/** Looks at machines, many at once, and records what was seen of those that answer. */
export class Survey {
  readonly #machines: RemoteMachines;
  readonly #records: Records;
  readonly #clusterId: string;
  readonly #looks = new Limiter(looksAtOnce);

  constructor(machines: RemoteMachines, records: Records, clusterId: string) {
    this.#machines = machines;
    this.#records = records;
    this.#clusterId = clusterId;
  }

  /** One for each, in their order. @throws the signal's reason */
  async look(targets: readonly Target[], signal: AbortSignal): Promise<readonly Seen[]> {
    return await Promise.all(targets.map(async (target) => await this.#look(target, signal)));
  }

  /** Resolves when it is on disk. */
  async record({ name }: Target, sight: Sight): Promise<void> {
    const isOurs = sight.kind === 'host' && sight.host.tags[tagNames.cluster] === this.#clusterId;
    const createdAt = isOurs ? sight.host.createdAt?.getTime() : undefined;
    await this.#records.set(name, isOurs ? { host: { tags: sight.host.tags, ...(createdAt === undefined ? {} : { createdAt }) } } : {});
  }

  async #look(target: Target, signal: AbortSignal): Promise<Seen> {
    const release = await this.#looks.acquire();
    try {
      signal.throwIfAborted();
      const records = this.#records;
      const [before, wasClaimed] = [records.get(target.name), records.isClaimed(target.name)];
      const sight = await this.#machines.look(target, signal);
      // What was recorded meanwhile is newer.
      const isOver = wasClaimed || records.isClaimed(target.name) || records.get(target.name) !== before;
      if (!isOver) await this.record(target, sight);
      return { target, sight };
    } catch (error) {
      signal.throwIfAborted();
      return { target, error: ProviderError.from(error) };
    } finally {
      release();
    }
  }
}
