import { createHmac } from 'node:crypto';
import { readPin, type Pin } from './host-key.js';

export interface KnownKeys {
  readonly pins: readonly Pin[];
  readonly revoked: readonly Pin[];
}

/** What a known_hosts file says of a machine, as sshd(8) describes it. Lines of certificate authorities say nothing here. */
export function knownKeys(content: string, address: string, port: number): KnownKeys {
  const name = port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`;
  const found = { pins: [] as Pin[], revoked: [] as Pin[] };
  for (const line of content.split('\n')) {
    const { marker, hosts, type, key } = /^\s*(?:(?<marker>@\S+)\s+)?(?<hosts>[^\s#@]\S*)\s+(?<type>[a-z]\S*)\s+(?<key>[A-Za-z0-9+/=]+)/.exec(line)?.groups ?? {};
    if (hosts === undefined || !isMeant(hosts, name)) continue;
    if (marker === undefined) found.pins.push(readPin(`${type} ${key}`));
    else if (marker === '@revoked') found.revoked.push(readPin(`${type} ${key}`));
  }
  return found;
}

function isMeant(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return isHashOf(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  return !patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name)) && patterns.some((pattern) => matches(pattern, name));
}

function isHashOf(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** `*` and `?` stand for any characters, and for one. */
function matches(pattern: string, name: string): boolean {
  const expression = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${expression}$`).test(name);
}
