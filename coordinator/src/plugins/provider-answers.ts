import { tagNames, type Machine } from '@wombat/plugin-sdk';
import { groupBy, isId } from '@wombat/proto';
import {
  HardwareProfile, Image, Machine as MachineCodec, type CreateHostResult, type DestroyHostResult, type HostSpec, type ProviderFailure,
} from '@wombat/proto/plugin';
import type { Attribute } from '@wombat/proto/types';
import { oneLine } from './one-line.js';
import { reasonOf } from './plugin-fault.js';

/*
 * What drivers answer, judged. A value is encoded and read again, so that it holds known fields of
 * known types only; texts are capped; what was not asked for is left out.
 */

const longest = { id: 256, name: 256, address: 253, addresses: 64, attributes: 256, tags: 64, tag: 256, items: 10_000, token: 4_096 } as const;
const addressPattern = /^[0-9A-Za-z.:%-]{1,253}$/;
const attributeKey = /^[a-z0-9_.-]{1,128}$/;

/** @throws Error when it names no machine */
export function readMachine(value: Machine): Machine {
  const read = MachineCodec.decode(MachineCodec.encode(value).finish());
  if (read.machineId === '' || read.machineId.length > longest.id) throw new Error('a machine has no id, or a very long one');
  return {
    ...read,
    machineId: oneLine(read.machineId, longest.id),
    hostId: isId(read.hostId, 'host') ? read.hostId : '',
    key: oneLine(read.key, longest.id),
    addresses: read.addresses.filter((address) => addressPattern.test(address)).slice(0, longest.addresses),
    attributes: readAttributes(read.attributes),
    tags: readTags(read.tags),
  };
}

/** Machines of the cluster, each once; those of others are none of our business. */
export function readMachines(values: readonly Machine[], clusterId: string): readonly Machine[] {
  const machines = new Map<string, Machine>();
  for (const value of list(values)) {
    const machine = readMachine(value);
    if (machine.tags[tagNames.cluster] === clusterId) machines.set(machine.machineId, machine);
  }
  return [...machines.values()];
}

export function readImage(value: Image): Image {
  const read = Image.decode(Image.encode(value).finish());
  return { id: oneLine(read.id, longest.id), name: oneLine(read.name, longest.name), attributes: readAttributes(read.attributes) };
}

export function readHardwareProfile(value: HardwareProfile): HardwareProfile {
  const read = HardwareProfile.decode(HardwareProfile.encode(value).finish());
  return {
    ...read,
    id: oneLine(read.id, longest.id),
    name: oneLine(read.name, longest.name),
    arch: oneLine(read.arch, 32),
    attributes: readAttributes(read.attributes),
  };
}

/** @throws Error when it is no list, or a very long one */
export function list<T>(value: readonly T[]): readonly T[] {
  if (!Array.isArray(value)) throw new Error('answered no list');
  if (value.length > longest.items) throw new Error(`answered more than ${longest.items} entries`);
  return value as readonly T[];
}

/** @throws Error when it is no token of a page */
export function pageToken(value: string): string {
  if (typeof value !== 'string' || value.length > longest.token) throw new Error('answered no token for the next page');
  return value;
}

type Fail = (message: string) => ProviderFailure;

/** One result for each host that was asked for, in that order. */
export function readCreateResults(
  specs: readonly HostSpec[],
  answers: readonly CreateHostResult[],
  clusterId: string,
  fail: Fail,
  clean: (failure: ProviderFailure) => ProviderFailure,
): readonly CreateHostResult[] {
  const byKey = groupBy(list(answers), ({ key }) => key);
  return specs.map((spec) => {
    const [answer, ...more] = byKey.get(spec.key) ?? [];
    const failed = (message: string): CreateHostResult => ({ key: spec.key, outcome: { $case: 'failure', value: fail(message) } });
    if (!answer) return failed('gave no answer for this host');
    if (more.length > 0) return failed('gave several answers for this host');
    try {
      if (answer.outcome?.$case === 'failure') return { key: spec.key, outcome: { $case: 'failure', value: clean(answer.outcome.value) } };
      if (answer.outcome?.$case === 'machine') return { key: spec.key, outcome: { $case: 'machine', value: ownMachine(answer.outcome.value, spec, clusterId) } };
      return failed('answered neither a machine nor a failure');
    } catch (error) {
      return failed(`gave an answer that makes no sense: ${reasonOf(error)}`);
    }
  });
}

function ownMachine(value: Machine, spec: HostSpec, clusterId: string): Machine {
  const machine = readMachine(value);
  if (machine.key !== spec.key || machine.hostId !== spec.hostId) throw new Error('the machine is tagged for another host');
  if (machine.tags[tagNames.cluster] !== clusterId) throw new Error("the machine does not carry this cluster's tag");
  return machine;
}

/** One result for each machine that was to be destroyed, in that order. */
export function readDestroyResults(
  machineIds: readonly string[],
  answers: readonly DestroyHostResult[],
  fail: Fail,
  clean: (failure: ProviderFailure) => ProviderFailure,
): readonly DestroyHostResult[] {
  const byId = groupBy(list(answers), ({ machineId }) => machineId);
  return machineIds.map((machineId) => {
    const found = byId.get(machineId) ?? [];
    if (found.length === 0) return { machineId, failure: fail('gave no answer for this machine') };
    // Answered twice: gone only when both say so.
    const failure = found.find((answer) => answer.failure !== undefined)?.failure;
    return { machineId, failure: failure && clean(failure) };
  });
}

function readAttributes(attributes: readonly Attribute[]): Attribute[] {
  return attributes.filter(({ key, value }) => attributeKey.test(key) && value?.kind !== undefined).slice(0, longest.attributes).map((each) => {
    const { kind } = each.value!;
    return kind?.$case === 'text' ? { key: each.key, value: { kind: { $case: 'text', value: oneLine(kind.value, 1_024) } } } : each;
  });
}

function readTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(tags).filter(([name]) => name !== '__proto__').slice(0, longest.tags);
  return Object.fromEntries(kept.map(([name, value]) => [oneLine(name, 128), oneLine(value, longest.tag)]));
}
