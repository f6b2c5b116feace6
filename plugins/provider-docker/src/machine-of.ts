import type { ContainerInfo } from 'dockerode';
import { attribute, machine, MachineState, type Machine } from '@wombat/plugin-sdk';

const states: Readonly<Record<string, MachineState>> = {
  created: MachineState.CREATING,
  running: MachineState.RUNNING,
  paused: MachineState.STOPPED,
  // Its first program has ended, and is started again: the agent could not be installed.
  restarting: MachineState.FAILED,
  removing: MachineState.DESTROYING,
  dead: MachineState.FAILED,
};

/** A container, as lists show it, in the words of Wombat. */
export function toMachine(container: ContainerInfo): Machine {
  const { Id, Labels, Created, Image, Names, Status, NetworkSettings } = container;
  const networks = Object.values(NetworkSettings?.Networks ?? {});
  const addresses = [...networks.map(({ IPAddress }) => IPAddress), ...networks.map(({ GlobalIPv6Address }) => GlobalIPv6Address)];
  return machine({
    machineId: Id,
    tags: Labels ?? {},
    state: stateOf(container),
    addresses: addresses.filter(Boolean),
    createdAt: new Date(Created * 1_000),
    attributes: [attribute('docker.image', Image), attribute('docker.container', (Names?.[0] ?? '').replace(/^\//, '')), attribute('docker.status', Status)],
  });
}

/** One that has ended by itself, without being stopped, failed. */
function stateOf({ State, Status }: ContainerInfo): MachineState {
  if (State === 'exited') return /^Exited \(0\)/.test(Status) ? MachineState.STOPPED : MachineState.FAILED;
  return states[State] ?? MachineState.UNSPECIFIED;
}
