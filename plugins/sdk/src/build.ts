import { durationFromMs } from '@wombat/proto';
import { MachineState, type CreateHostResult, type HardwareProfile, type HostSpec, type Image, type Machine } from '@wombat/proto/plugin';
import { ErlangEval, type Action, type Attribute, type Step } from '@wombat/proto/types';
import { ProviderError } from './provider-error.js';

export interface MachineFacts {
  /** The provider's own name of it. */
  readonly machineId: string;
  /** As found at the provider; key and host id are read from them. */
  readonly tags: Readonly<Record<string, string>>;
  /** @default running */
  readonly state?: MachineState;
  readonly addresses?: readonly string[];
  readonly createdAt?: Date;
  readonly attributes?: readonly Attribute[];
}

/** Names of the tags that every machine carries. */
export const tagNames = { cluster: 'wombat-cluster', host: 'wombat-host', key: 'wombat-key' } as const;

/** The tags that a machine for this specification must carry. */
export function tagsOf(spec: HostSpec, clusterId: string): Record<string, string> {
  return { ...spec.tags, [tagNames.cluster]: clusterId, [tagNames.host]: spec.hostId, [tagNames.key]: spec.key };
}

export function machine(facts: MachineFacts): Machine {
  return {
    machineId: facts.machineId,
    key: facts.tags[tagNames.key] ?? '',
    hostId: facts.tags[tagNames.host] ?? '',
    state: facts.state ?? MachineState.RUNNING,
    addresses: [...(facts.addresses ?? [])],
    createdAt: facts.createdAt,
    attributes: [...(facts.attributes ?? [])],
    tags: { ...facts.tags },
  };
}

export function image(id: string, name: string, attributes: readonly Attribute[] = []): Image {
  return { id, name, attributes: [...attributes] };
}

export interface HardwareFacts {
  readonly id: string;
  /** @default the id */
  readonly name?: string;
  readonly cpuCores?: number;
  readonly memoryBytes?: number;
  readonly diskBytes?: number;
  /** As Node names it: "x64", "arm64". */
  readonly arch?: string;
  readonly attributes?: readonly Attribute[];
}

/** What is left out is not known. */
export function hardwareProfile(facts: HardwareFacts): HardwareProfile {
  return {
    id: facts.id,
    name: facts.name ?? facts.id,
    cpuCores: facts.cpuCores ?? 0,
    memoryBytes: BigInt(facts.memoryBytes ?? 0),
    diskBytes: BigInt(facts.diskBytes ?? 0),
    arch: facts.arch ?? '',
    attributes: [...(facts.attributes ?? [])],
  };
}

/** Results of createHosts, one for each key. */
export function created(key: string, made: Machine): CreateHostResult {
  return { key, outcome: { $case: 'machine', value: made } };
}

export function failed(key: string, error: unknown): CreateHostResult {
  return { key, outcome: { $case: 'failure', value: ProviderError.from(error).toFailure() } };
}

/** Typed attributes; whole numbers become integers. */
export function attribute(key: string, value: string | number | boolean | readonly string[]): Attribute {
  return { key, value: { kind: attributeKind(value) } };
}

function attributeKind(value: string | number | boolean | readonly string[]): NonNullable<Attribute['value']>['kind'] {
  switch (typeof value) {
    case 'string':
      return { $case: 'text', value };
    case 'boolean':
      return { $case: 'flag', value };
    case 'number':
      return Number.isSafeInteger(value) ? { $case: 'integer', value: BigInt(value) } : { $case: 'decimal', value };
    default:
      return { $case: 'list', value: { values: value.map((text) => ({ kind: { $case: 'text', value: text } })) } };
  }
}

export interface StepOptions {
  /** For all attempts together. */
  readonly deadlineMs: number;
  /** Exit codes that mean "not yet, try again". */
  readonly retryExitCodes?: readonly number[];
  /** Repeated until the output contains every one of these. */
  readonly untilContains?: readonly string[];
  /** @default 250 */
  readonly intervalMs?: number;
}

export function step(name: string, action: Action, options: StepOptions): Step {
  const { deadlineMs, retryExitCodes = [], untilContains, intervalMs } = options;
  return {
    name,
    action,
    deadline: durationFromMs(deadlineMs),
    retryExitCodes: [...retryExitCodes],
    until: untilContains && { containsAll: [...untilContains] },
    interval: intervalMs === undefined ? undefined : durationFromMs(intervalMs),
  };
}

/** A program by argv, never through a shell. */
export function command(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Action {
  return { kind: { $case: 'command', value: { argv: [...argv], environment: { ...environment }, settings: undefined } } };
}

/** module:function(arguments) on the node; the arguments as an Erlang list in Erlang syntax. */
export function erlangApply(module: string, functionName: string, argumentList: string): Action {
  return { kind: { $case: 'erlangApply', value: { module, function: functionName, arguments: argumentList } } };
}

/** Erlang expressions, each ended by a period; the value of the last is the output. */
export function erlangEval(expressions: string): Action {
  return { kind: { $case: 'erlangEval', value: ErlangEval.fromPartial({ expressions }) } };
}
