/** What of the hosts of a domain is silent. */
export interface Silence {
  /** Hosts that have had a session and are wanted, silent ones among them. */
  readonly hosts: number;
  /** Those that are silent now. */
  readonly silent: number;
  /** Those of them that fell silent within `brakeWindowMs`. */
  readonly recent: number;
}

export const brakeWindowMs = 600_000;
const fewHosts = 5;
const share = 0.2;

/**
 * Whether healing of a domain is held. When many hosts fall silent at once, it is more likely the network, the cloud
 * or the coordinator that is at fault than all of them, and whoever replaced their nodes would make it worse.
 *
 * off -> on   more than 5 hosts and more than 20 % of them fell silent within 600 s
 * on  -> off  less than 20 % are silent, whenever they fell silent
 */
export function isHeld({ hosts, silent, recent }: Silence, wasHeld: boolean): boolean {
  if (wasHeld) return silent > 0 && silent >= hosts * share;
  return recent > fewHosts && recent > hosts * share;
}
