import { isIP } from 'node:net';

/**
 * A network as Neutron writes it: host bits cleared, IPv6 in its short form. Undefined for what is none. So rules that mean the same
 * are the same text.
 */
export function canonicalNetwork(text: string): string | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined;
  const width = version === 4 ? 32 : 128;
  const length = prefix === undefined ? width : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity;
  if (length > width) return undefined;
  const number = version === 4 ? readIPv4(address) : readIPv6(address);
  const cleared = (number >> BigInt(width - length)) << BigInt(width - length);
  return `${version === 4 ? writeIPv4(cleared) : writeIPv6(cleared)}/${length}`;
}

function readIPv4(address: string): bigint {
  return address.split('.').reduce((number, part) => number * 256n + BigInt(part), 0n);
}

function writeIPv4(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
}

/** By the URL parser, which knows every way to write one, and writes it in one way. */
function shortIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

function readIPv6(address: string): bigint {
  const [head = '', tail] = shortIPv6(address).split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return all.reduce((number, group) => number * 65_536n + BigInt(`0x${group}`), 0n);
}

function writeIPv6(number: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((number >> BigInt((7 - index) * 16)) & 65_535n).toString(16));
  return shortIPv6(groups.join(':'));
}
