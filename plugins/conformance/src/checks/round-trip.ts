import { MachineState, tagNames, type HostSpec, type Machine } from '@wombat/plugin-sdk';
import { expect, type Check } from '../check.js';

export const roundTrip: Check = {
  name: 'round-trip',
  promise: 'a machine is created with all its tags, listed, and gone once it was destroyed',
  advice: 'A machine carries the tags of its specification and `wombat-cluster`, `wombat-host`, `wombat-key`, and lists answer all of them.',
  async run(context) {
    const subject = await context.subject();
    const spec = await context.spec();
    const made = await subject.create(spec);
    checkMachine(made, spec, subject.clusterId, 'CreateHosts');
    await context.settled();
    const [listed, ...others] = await subject.listOf(spec);
    expect(listed !== undefined, 'ListHosts does not show it');
    expect(others.length === 0, 'ListHosts shows it twice');
    checkMachine(listed, spec, subject.clusterId, 'ListHosts');
    expect(listed.machineId === made.machineId, `it was created as ${made.machineId} and is listed as ${listed.machineId}`);
    await subject.destroy(made);
    const left = (await subject.listOf(spec)).filter(({ state }) => state !== MachineState.DESTROYING);
    expect(left.length === 0, 'ListHosts shows it after it was destroyed, and not as being destroyed');
  },
};

function checkMachine(machine: Machine, spec: HostSpec, clusterId: string, where: string): void {
  expect(machine.machineId !== '', `${where} answers a machine without an id`);
  expect(machine.key === spec.key && machine.hostId === spec.hostId, `${where} answers key ${machine.key} and host ${machine.hostId} for ${spec.key} and ${spec.hostId}`);
  expect(machine.state !== MachineState.UNSPECIFIED, `${where} answers a machine without a state`);
  const wanted = { ...spec.tags, [tagNames.cluster]: clusterId, [tagNames.host]: spec.hostId, [tagNames.key]: spec.key };
  const wrong = Object.entries(wanted).find(([name, value]) => machine.tags[name] !== value);
  expect(wrong === undefined, `${where} answers a machine whose tag ${wrong?.[0]} is not ${wrong?.[1]}`);
}
