import { DescribeInstancesCommand, GetConsoleOutputCommand, TerminateInstancesCommand, type Filter } from '@aws-sdk/client-ec2';
import { FailureKind, ProviderError, tagNames, type Clock, type DestroyHostResult, type Machine } from '@wombat/plugin-sdk';
import { chunks } from './chunks.js';
import type { Ec2Api } from './ec2-api.js';
import { isNotFound } from './ec2-error.js';
import { instancesPerPage, invisibleForMs, valuesPerCall } from './limits.js';
import { isEnding, notTerminated, toMachine } from './machine-of.js';

export interface InstancesOptions {
  readonly api: Ec2Api;
  readonly clusterId: string;
  readonly clock: Clock;
  /** @default as many as EC2 answers */
  readonly perPage?: number;
}

/**
 * The instances of one cluster. EC2 may list an instance some time after it has answered its creation:
 * those are remembered until they are seen.
 */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #unseen = new Map<string, { readonly machine: Machine; readonly since: number }>();

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** Made a moment ago. */
  remember(machine: Machine): void {
    this.#unseen.set(machine.machineId, { machine, since: this.#options.clock.now() });
  }

  async list(signal: AbortSignal): Promise<Machine[]> {
    const all = await this.#withUnseen(await this.#describe([notTerminated], signal), () => true, signal);
    return all.map(({ machine }) => machine);
  }

  /** By key, those that live; of twins the first. */
  async find(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Machine>> {
    const found: Found[] = [];
    for (const some of chunks(keys, valuesPerCall)) found.push(...(await this.#describe([notTerminated, { Name: `tag:${tagNames.key}`, Values: [...some] }], signal)));
    const all = await this.#withUnseen(found, ({ key }) => keys.includes(key), signal);
    const living = all.filter(({ isOver }) => !isOver).map(({ machine }) => machine);
    living.sort((one, other) => (other.createdAt?.getTime() ?? 0) - (one.createdAt?.getTime() ?? 0) || other.machineId.localeCompare(one.machineId));
    return new Map(living.map((machine) => [machine.key, machine]));
  }

  /** Only what carries the tag of the cluster is ended; all else is none of ours, or gone. */
  async terminate(machineIds: readonly string[], signal: AbortSignal): Promise<DestroyHostResult[]> {
    const results: DestroyHostResult[] = [];
    for (const some of chunks(machineIds, valuesPerCall)) results.push(...(await this.#terminateSome(some, signal)));
    return results;
  }

  async consoleLog(machineId: string, signal: AbortSignal): Promise<Uint8Array> {
    const { Output = '' } = await this.#options.api.send(new GetConsoleOutputCommand({ InstanceId: machineId }), signal);
    return Buffer.from(Output, 'base64');
  }

  async #terminateSome(machineIds: readonly string[], signal: AbortSignal): Promise<DestroyHostResult[]> {
    try {
      const seen = await this.#describe([{ Name: 'instance-id', Values: [...machineIds] }], signal);
      const ids = new Set(seen.filter(({ isOver }) => !isOver).map(({ machine }) => machine.machineId));
      for (const id of machineIds) if (this.#unseen.has(id)) ids.add(id);
      const failures = await this.#end([...ids], signal);
      return machineIds.map((machineId) => ({ machineId, failure: failures.get(machineId)?.toFailure() }));
    } catch (error) {
      signal.throwIfAborted();
      const failure = ProviderError.from(error).toFailure();
      return machineIds.map((machineId) => ({ machineId, failure }));
    }
  }

  /** In one call; each by itself when one of them spoils it for all. */
  async #end(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ProviderError>> {
    const failures = new Map<string, ProviderError>();
    if (ids.length === 0) return failures;
    try {
      await this.#options.api.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }), signal);
      for (const id of ids) this.#unseen.delete(id);
    } catch (error) {
      const failure = ProviderError.from(error);
      if (failure.mayRetry || failure.kind === FailureKind.AUTH) throw failure;
      if (ids.length === 1) return isNotFound(error) ? this.#notThere(ids[0]!) : failures.set(ids[0]!, failure);
      for (const id of ids) for (const [failed, why] of await this.#end([id], signal)) failures.set(failed, why);
    }
    return failures;
  }

  /** What was made a moment ago is only not visible yet: to call it gone would leave it running. */
  #notThere(id: string): ReadonlyMap<string, ProviderError> {
    this.#dropOld();
    return new Map(this.#unseen.has(id) ? [[id, ProviderError.unavailable(`${id} is too new: EC2 does not know it everywhere yet`)]] : []);
  }

  async #describe(filters: readonly Filter[], signal: AbortSignal): Promise<Found[]> {
    const { api, clusterId, perPage = instancesPerPage } = this.#options;
    const all = [{ Name: `tag:${tagNames.cluster}`, Values: [clusterId] }, ...filters];
    const reservations = await api.all((token) => new DescribeInstancesCommand({ Filters: all, MaxResults: perPage, ...token }), (page) => page.Reservations, signal);
    const instances = reservations.flatMap(({ Instances: some }) => some ?? []);
    for (const { InstanceId = '' } of instances) this.#unseen.delete(InstanceId);
    return instances.filter(({ State }) => State?.Name !== 'terminated').map((instance) => ({ machine: toMachine(instance), isOver: isEnding(instance) }));
  }

  /** With those that were made a moment ago and are not among them. One that has ended since is told of by its id alone. */
  async #withUnseen(found: readonly Found[], which: (machine: Machine) => boolean, signal: AbortSignal): Promise<Found[]> {
    this.#dropOld();
    const all = [...found];
    const missing = [...this.#unseen].filter(([, { machine }]) => which(machine)).map(([id]) => id);
    for (const some of chunks(missing, valuesPerCall)) all.push(...(await this.#describe([{ Name: 'instance-id', Values: some }], signal)));
    return [...all, ...missing.flatMap((id) => this.#unseen.get(id) ?? []).map(({ machine }) => ({ machine, isOver: false }))];
  }

  #dropOld(): void {
    const oldest = this.#options.clock.now() - invisibleForMs;
    for (const [id, { since }] of this.#unseen) if (since < oldest) this.#unseen.delete(id);
  }
}

interface Found {
  readonly machine: Machine;
  /** It is shutting down already. */
  readonly isOver: boolean;
}
