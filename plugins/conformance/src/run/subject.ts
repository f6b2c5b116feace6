import type { MethodDefinition, ServiceError } from '@grpc/grpc-js';
import type { CreateHostResult, DestroyHostResult, HostSpec, JsonObject, Machine, ProviderFailure } from '@wombat/plugin-sdk';
import { ProviderError, tagNames } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { RunningProgram, type RunningProgramOptions } from './running-program.js';

export interface SubjectOptions extends RunningProgramOptions {
  readonly clusterId: string;
}

/** One process of a provider's program. */
export class Subject extends RunningProgram {
  readonly clusterId: string;

  constructor({ clusterId, ...options }: SubjectOptions) {
    super(options);
    this.clusterId = clusterId;
  }

  /** What a call fails with. @throws when it succeeds */
  async failureOf<Q, S>(method: MethodDefinition<Q, S>, request: Q): Promise<ProviderError> {
    const error = await this.call(method, request).then(() => undefined, (thrown: unknown) => ProviderError.from(thrown));
    if (error === undefined) throw new Error(`${nameOf(method)} answered where it should fail`);
    return error;
  }

  /** Settings as the coordinator keeps them: in the form that Validate answers. */
  async stored(settings: JsonObject): Promise<JsonObject> {
    const answer = await this.call(methods.validate, { settings: JSON.stringify(settings) });
    return answer.settings === '' ? settings : (JSON.parse(answer.settings) as JsonObject);
  }

  async configure(settings: JsonObject, dataDirectory: string): Promise<void> {
    await this.call(methods.configure, { settings: JSON.stringify(settings), providerId: 'prv-conformance2', clusterId: this.clusterId, dataDirectory });
  }

  async createAll(hosts: readonly HostSpec[], signal?: AbortSignal): Promise<readonly CreateHostResult[]> {
    const { results } = await this.call(methods.createHosts, { hosts: [...hosts] }, signal ? { signal } : {});
    for (const { outcome } of results) if (outcome?.$case === 'failure') this.hear(outcome.value.message);
    return results;
  }

  /** @throws when the plugin does not make it */
  async create(spec: HostSpec, signal?: AbortSignal): Promise<Machine> {
    return machineOf(spec, await this.createAll([spec], signal));
  }

  async list(): Promise<readonly Machine[]> {
    return (await this.call(methods.listHosts, { clusterId: this.clusterId })).machines;
  }

  /** The machines that carry the key of one of these. */
  async listOf(...specs: readonly HostSpec[]): Promise<readonly Machine[]> {
    const keys = new Set(specs.map(({ key }) => key));
    return (await this.list()).filter(({ tags }) => keys.has(tags[tagNames.key] ?? ''));
  }

  /** @throws when one of them is not destroyed */
  async destroy(...machines: readonly (Machine | string)[]): Promise<void> {
    const machineIds = machines.map((each) => (typeof each === 'string' ? each : each.machineId));
    if (machineIds.length === 0) return;
    const { results } = await this.call(methods.destroyHosts, { machineIds });
    for (const id of machineIds) checkDestroyed(id, results);
  }
}

/** Status of a call that has failed. */
export function statusOf(error: ProviderError): number | undefined {
  return (error.cause as ServiceError | undefined)?.code;
}

export function nameOf(method: { readonly path: string }): string {
  return method.path.slice(method.path.lastIndexOf('/') + 1);
}

export function describeFailure({ message, field }: Pick<ProviderFailure, 'message' | 'field'>): string {
  return field === '' ? message : `${field}: ${message}`;
}

function machineOf({ key }: HostSpec, results: readonly CreateHostResult[]): Machine {
  const outcome = results.find((result) => result.key === key)?.outcome;
  if (outcome === undefined) throw new Error('CreateHosts answers nothing for a key that it was given');
  if (outcome.$case === 'failure') throw new Error(`CreateHosts fails: ${describeFailure(outcome.value)}`);
  return outcome.value;
}

function checkDestroyed(machineId: string, results: readonly DestroyHostResult[]): void {
  const result = results.find((each) => each.machineId === machineId);
  if (result === undefined) throw new Error(`DestroyHosts answers nothing for ${machineId}`);
  if (result.failure) throw new Error(`DestroyHosts fails for ${machineId}: ${describeFailure(result.failure)}`);
}
