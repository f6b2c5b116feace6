import { created, failed, machine, ProviderError } from '@wombat/plugin-sdk';
import type { Clock } from '@wombat/proto';
import type { CreateHostResult, DestroyHostResult, HostSpec, Machine } from '@wombat/proto/plugin';
import { errorOfFailure } from '../../domain/provider-failure.js';
import type { ProviderCalls } from '../ports.js';

export interface FakeCloudOptions {
  readonly clock: Clock;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
  /** More cannot be had. */
  readonly capacity: number;
  /** A machine has been made, and boots. */
  readonly onMachine: (hostId: string) => void;
}

interface Made {
  readonly machine: Machine;
  readonly madeAt: number;
  destroyedAt?: number;
}

/** A machine is listed this long after it was made, and as long after it was destroyed. */
const lagMs = 30_000;
/** From a call's coming in to its effect. */
const actsMs = [500, 20_000] as const;
/** From the effect to a late answer: the coordinator gives a creation up after 300 s. */
const lateMs = [200_000, 400_000] as const;

/**
 * A cloud as bad as they get: it ignores keys, loses answers, answers late, lists late, throttles, is full, fails parts of
 * a batch. What it remembers is the truth that a test judges by.
 */
export class FakeCloud {
  readonly #options: FakeCloudOptions;
  readonly #machines: Made[] = [];
  #quietUntil = 0;
  #saidAt = 0;
  /** Promises of the coordinator's that were broken. */
  readonly complaints: string[] = [];
  readonly seen = { calls: 0, throttled: 0, lost: 0, late: 0, refused: 0, largestBatch: 0 };

  constructor(options: FakeCloudOptions) {
    this.#options = options;
  }

  /** Whoever asks from now on has not heard what the cloud has said. */
  forgive(): void {
    this.#quietUntil = 0;
  }

  /** Machines that cost money now. */
  alive(): readonly Machine[] {
    return this.#machines.filter(({ destroyedAt }) => destroyedAt === undefined).map((made) => made.machine);
  }

  calls(): ProviderCalls {
    const unused = async (): Promise<never> => {
      throw new Error('is not asked for here');
    };
    return {
      listsAtOnce: false, verify: unused, listImages: unused, listHardwareProfiles: unused, ensureFirewall: unused,
      createHosts: (specs) => this.#create(specs),
      listHosts: () => this.#list(),
      destroyHosts: (machineIds) => this.#destroy(machineIds),
    };
  }

  async #create(specs: readonly HostSpec[]): Promise<readonly CreateHostResult[]> {
    this.seen.largestBatch = Math.max(this.seen.largestBatch, specs.length);
    await this.#arrive('createHosts');
    await this.#options.clock.sleep(this.#between(...actsMs));
    const results = specs.map((spec) => this.#createOne(spec));
    if (this.#chance(0.05)) {
      this.seen.late += 1;
      await this.#options.clock.sleep(this.#between(...lateMs));
    }
    this.#mayLose();
    return results;
  }

  #createOne(spec: HostSpec): CreateHostResult {
    const refusal = this.#refusal();
    if (refusal) {
      this.seen.refused += 1;
      return failed(spec.key, refusal);
    }
    const twin = this.alive().find(({ key }) => key === spec.key);
    if (twin) this.complaints.push(`a second machine was asked for with the key ${spec.key}, while ${twin.machineId} was there`);
    const made = machine({ machineId: `machine-${this.#machines.length + 1}`, tags: spec.tags, addresses: [`10.0.0.${this.#machines.length + 1}`] });
    this.#machines.push({ machine: made, madeAt: this.#options.clock.now() });
    this.#options.onMachine(spec.hostId);
    return created(spec.key, made);
  }

  #refusal(): ProviderError | undefined {
    if (this.alive().length >= this.#options.capacity) return ProviderError.capacity('no machine is free');
    if (this.#chance(0.1)) return ProviderError.capacity('no machine is free in this moment');
    if (this.#chance(0.02)) return ProviderError.quota('the quota is used up');
    return undefined;
  }

  async #list(): Promise<readonly Machine[]> {
    await this.#arrive('listHosts');
    const now = this.#options.clock.now();
    const listed = this.#machines.filter(({ madeAt, destroyedAt = Infinity }) => madeAt + lagMs <= now && now < destroyedAt + lagMs);
    await this.#options.clock.sleep(this.#between(100, 5_000));
    this.#mayLose();
    return listed.map((made) => made.machine);
  }

  async #destroy(machineIds: readonly string[]): Promise<readonly DestroyHostResult[]> {
    await this.#arrive('destroyHosts');
    await this.#options.clock.sleep(this.#between(100, 10_000));
    const results = machineIds.map((machineId): DestroyHostResult => {
      if (this.#chance(0.1)) return { machineId, failure: ProviderError.unavailable('internal error').toFailure() };
      const made = this.#machines.find((each) => each.machine.machineId === machineId);
      if (made) made.destroyedAt ??= this.#options.clock.now();
      return { machineId, failure: undefined };
    });
    this.#mayLose();
    return results;
  }

  /** A call has come in. What is thrown, ProviderHost would throw. */
  async #arrive(method: string): Promise<void> {
    const now = this.#options.clock.now();
    this.seen.calls += 1;
    // An answer takes a moment to be heard: a call of the same one was on its way.
    if (now > this.#saidAt && now < this.#quietUntil) this.complaints.push(`${method} came ${this.#quietUntil - now} ms before the cloud would be asked again`);
    if (this.#chance(0.08)) {
      this.seen.throttled += 1;
      const retryAfterMs = Math.round(this.#between(1_000, 40_000));
      this.#saidAt = now;
      this.#quietUntil = Math.max(this.#quietUntil, now + retryAfterMs);
      throw errorOfFailure(ProviderError.throttled('slow down', retryAfterMs).toFailure());
    }
    if (this.#chance(0.08)) throw errorOfFailure(ProviderError.unavailable('internal error').toFailure());
  }

  /** The deed is done, and nobody hears of it. */
  #mayLose(): void {
    if (!this.#chance(0.12)) return;
    this.seen.lost += 1;
    throw new Error('connection reset');
  }

  #chance(part: number): boolean {
    return this.#options.random() < part;
  }

  #between(low: number, high: number): number {
    return low + (high - low) * this.#options.random();
  }
}
