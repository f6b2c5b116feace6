import { arch, availableParallelism, hostname, totalmem } from 'node:os';
import { hardwareProfile, image, type HardwareProfile, type Image } from '@wombat/plugin-sdk';

/** The only image: what is installed on this machine. */
export const localImage: Image = image('local', `this machine (${hostname()})`);

/** The only profile: all hosts share this machine, none has a part of its own. */
export function localHardware(): HardwareProfile {
  return hardwareProfile({
    id: 'host',
    name: 'cores and memory of this machine, shared by all its hosts',
    cpuCores: availableParallelism(),
    memoryBytes: totalmem(),
    arch: arch(),
  });
}
