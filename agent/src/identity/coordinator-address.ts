import { WombatError } from '@wombat/proto';

/** Where the coordinator serves agents. */
export interface CoordinatorAddress {
  readonly host: string;
  readonly port: number;
}

const pattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/;

/** @throws WombatError WO_CONFIG_INVALID unless it is HOST:PORT, an IPv6 address in brackets */
export function parseCoordinatorAddress(text: string): CoordinatorAddress {
  const match = pattern.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) {
    throw new WombatError('WO_CONFIG_INVALID', `this is no HOST:PORT: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return { host: (match[1] ?? match[2])!, port };
}

export function formatCoordinatorAddress({ host, port }: CoordinatorAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
