import { hardwareProfile, image, type HardwareProfile, type Image } from '@wombat/plugin-sdk';

/** Nothing is chosen: a machine has the system and the size that it has. */
export const asItIs = 'as-is';

export const installedImage: Image = image(asItIs, 'what is installed on the machine');

export const installedHardware: HardwareProfile = hardwareProfile({ id: asItIs, name: 'a machine of the inventory, whatever its size' });
