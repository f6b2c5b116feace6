import { z } from '@wombat/plugin-sdk';

/** How ids of OpenStack are shaped: as UUIDs of whatever version. */
export const uuid = z.guid();

export function isUuid(text: string): boolean {
  return uuid.safeParse(text).success;
}
