import { createHash } from 'node:crypto';
import { RunInstancesCommand, type ResourceType } from '@aws-sdk/client-ec2';
import {
  created, failed, FailureKind, isId, KeyedLock, Limiter, orAborted, ProviderError, tagsOf,
  type CreateHostResult, type HostServices, type HostSpec, type Machine,
} from '@wombat/plugin-sdk';
import type { Ec2Api } from './ec2-api.js';
import type { Instances } from './instances.js';
import { launchGroup, type LaunchPlan, type LaunchPlanner } from './launch-plan.js';
import { launchesAtOnce, maximumPayloadBytes } from './limits.js';
import { isEnding, toMachine } from './machine-of.js';
import { checkRegion } from './region.js';
import type { Ec2Settings } from './settings.js';
import { tagged } from './tags.js';

export interface CreationsOptions {
  readonly api: Ec2Api;
  readonly settings: Ec2Settings;
  readonly clusterId: string;
  readonly host: HostServices;
  readonly instances: Instances;
  readonly planner: LaunchPlanner;
}

/** What one call of createHosts knows: each thing that its hosts share is found out once. */
interface Batch {
  readonly signal: AbortSignal;
  readonly found: () => Promise<ReadonlyMap<string, Machine>>;
  readonly plan: (spec: HostSpec) => Promise<LaunchPlan>;
  /** Why more of a group need not be asked for, by group; '' for all. */
  readonly refusals: Map<string, ProviderError>;
}

/** Refused for one, refused for all that are alike: EC2 is not asked hundreds of times for what it has not. */
const refusesGroup: ReadonlySet<FailureKind> = new Set([FailureKind.QUOTA, FailureKind.CAPACITY, FailureKind.INVALID]);
const refusesAll: ReadonlySet<FailureKind> = new Set([FailureKind.AUTH, FailureKind.THROTTLED]);

/**
 * Makes instances, one for each key: its tag is looked for first, then EC2's own token guards the call. Each has
 * an install payload of its own, so each is a call of its own, a few at a time; tags are given with the call.
 */
export class Creations {
  readonly #options: CreationsOptions;
  readonly #locks = new KeyedLock();
  readonly #launches = new Limiter(launchesAtOnce);

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  async create(specs: readonly HostSpec[], signal: AbortSignal): Promise<CreateHostResult[]> {
    const batch = this.#batch(specs, signal);
    return Promise.all(specs.map(async (spec) => {
      try {
        return created(spec.key, await this.#createOne(spec, batch));
      } catch (error) {
        return failed(spec.key, signal.aborted ? ProviderError.unavailable('the creation was called off', error) : error);
      }
    }));
  }

  #batch(specs: readonly HostSpec[], signal: AbortSignal): Batch {
    const { instances, planner } = this.#options;
    const plans = new Map<string, Promise<LaunchPlan>>();
    let found: Promise<ReadonlyMap<string, Machine>> | undefined;
    return {
      signal,
      refusals: new Map(),
      found: () => (found ??= instances.find(specs.map(({ key }) => key), signal)),
      plan: (spec) => {
        const group = launchGroup(spec);
        const plan = plans.get(group) ?? planner.plan(spec, signal);
        plans.set(group, plan);
        return plan;
      },
    };
  }

  async #createOne(spec: HostSpec, batch: Batch): Promise<Machine> {
    this.#check(spec);
    // Who had to wait for another call with this key must look at what became of it.
    const isFirst = !this.#locks.isHeld(spec.key);
    const work = this.#locks.run(spec.key, async () => {
      const found = (await (isFirst ? batch.found() : this.#options.instances.find([spec.key], batch.signal))).get(spec.key);
      if (found && found.hostId !== spec.hostId) throw ProviderError.invalid('key', `the key ${spec.key} belongs to another host, ${found.hostId || 'which has no id'}`);
      return found ?? (await this.#launch(spec, batch));
    });
    return orAborted(work, batch.signal);
  }

  #check({ key, hostId, image, hardwareProfile, region }: HostSpec): void {
    if (!/^[a-z0-9-]{1,60}$/.test(key)) throw ProviderError.invalid('key', 'a key is 1-60 characters of a-z, 0-9 and dash');
    if (!isId(hostId, 'host')) throw ProviderError.invalid('hostId', 'this is no id of a host');
    if (image === '') throw ProviderError.invalid('image', 'the id of an image is needed: ami-...');
    if (hardwareProfile === '') throw ProviderError.invalid('hardwareProfile', 'an instance type is needed, like t3.small');
    checkRegion(region, this.#options.settings);
  }

  async #launch(spec: HostSpec, batch: Batch): Promise<Machine> {
    const release = await this.#launches.acquire();
    const group = launchGroup(spec);
    try {
      batch.signal.throwIfAborted();
      const refusal = batch.refusals.get(group) ?? batch.refusals.get('');
      if (refusal) throw refusal;
      const userData = await this.#userData(spec.hostId);
      return await this.#run(spec, userData, batch).catch((error: unknown) => {
        const failure = ProviderError.from(error);
        if (refusesAll.has(failure.kind)) batch.refusals.set('', failure);
        else if (refusesGroup.has(failure.kind)) batch.refusals.set(group, failure);
        throw error;
      });
    } finally {
      release();
    }
  }

  async #userData(hostId: string): Promise<string> {
    const payload = await this.#options.host.installPayload(hostId);
    if (payload.length > maximumPayloadBytes) {
      throw ProviderError.invalid('installPayload', `the install payload has ${payload.length} bytes, EC2 takes ${maximumPayloadBytes}`);
    }
    return Buffer.from(payload).toString('base64');
  }

  async #run(spec: HostSpec, userData: string, batch: Batch): Promise<Machine> {
    const { api, instances, settings, clusterId, planner } = this.#options;
    const tags = tagsOf(spec, clusterId);
    const resources: ResourceType[] = ['instance', 'volume', ...(planner.isSpot(spec) ? ['spot-instances-request' as const] : [])];
    const answer = await api.send(new RunInstancesCommand({
      ...(await batch.plan(spec)),
      MinCount: 1,
      MaxCount: 1,
      UserData: userData,
      ClientToken: createHash('sha256').update(`${clusterId}/${spec.key}`).digest('hex'),
      TagSpecifications: tagged(resources, { Name: `wombat ${spec.hostId}` }, settings.tags, tags),
    }), batch.signal);
    const [instance] = answer.Instances ?? [];
    if (!instance?.InstanceId) throw ProviderError.unavailable('EC2 answered no instance');
    // The token of a key that was used before leads to what was made then.
    if (isEnding(instance)) throw ProviderError.unavailable(`${instance.InstanceId}, made for this key, has been terminated`);
    const machine = toMachine(instance, tags);
    instances.remember(machine);
    return machine;
  }
}
