import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { attribute, machine, MachineState, tagNames, type Machine } from '@wombat/plugin-sdk';
import type { Target } from './inventory.js';
import type { MachineRecord } from './records.js';
import type { HostState, SeenHost } from './sight.js';

const states: Readonly<Record<HostState, MachineState>> = {
  installing: MachineState.CREATING, installed: MachineState.RUNNING, releasing: MachineState.DESTROYING,
};

/** A machine and the host that it is: given back and taken again it has another id. */
export function machineId(target: Pick<Target, 'name'>, hostId: string): string {
  return `${target.name}/${hostId}`;
}

export function readMachineId(id: string): { readonly name: string; readonly hostId: string } {
  const slash = id.lastIndexOf('/');
  return { name: id.slice(0, Math.max(0, slash)), hostId: id.slice(slash + 1) };
}

export async function toMachine(target: Target, { state, tags, createdAt }: SeenHost): Promise<Machine> {
  return await machineWith(target, tags, states[state], createdAt);
}

/** It cannot be asked: the machine as it was known last. */
export async function unreachableMachine(target: Target, { tags, createdAt }: NonNullable<MachineRecord['host']>): Promise<Machine> {
  return await machineWith(target, tags, MachineState.STOPPED, createdAt === undefined ? undefined : new Date(createdAt));
}

async function machineWith(target: Target, tags: Readonly<Record<string, string>>, state: MachineState, createdAt: Date | undefined): Promise<Machine> {
  return machine({
    machineId: machineId(target, tags[tagNames.host] ?? ''), tags, state, addresses: await addressesOf(target),
    ...(createdAt === undefined ? {} : { createdAt }), attributes: [attribute('ssh.machine', target.name)],
  });
}

/** None while its name cannot be looked up. */
async function addressesOf({ internalAddress, address }: Target): Promise<readonly string[]> {
  const known = internalAddress ?? address;
  if (isIP(known) !== 0) return [known];
  return await lookup(known).then(({ address: found }) => [found], () => []);
}
