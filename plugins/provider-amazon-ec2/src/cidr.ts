import { isIPv6 } from 'node:net';

/** As EC2 writes it: host bits cleared, IPv6 in its shortest form; a single address is a network of one. */
export function canonicalCidr(source: string): string {
  const [address = '', bits] = source.split('/');
  return isIPv6(address) ? canonicalSix(address, Number(bits ?? 128)) : canonicalFour(address, Number(bits ?? 32));
}

function canonicalFour(address: string, bits: number): string {
  return `${masked(address.split('.').map(Number), bits, 8).join('.')}/${bits}`;
}

function canonicalSix(address: string, bits: number): string {
  const groups = masked(groupsOf(address), bits, 16).map((group) => group.toString(16));
  return `${shortest(groups.join(':'))}/${bits}`;
}

/** Parts of so many bits each, those beyond the prefix cleared. */
function masked(parts: readonly number[], bits: number, width: number): number[] {
  return parts.map((part, index) => {
    const kept = Math.min(width, Math.max(0, bits - index * width));
    return part & ~(2 ** (width - kept) - 1);
  });
}

/** The eight groups of an address in any form. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = shortest(address).split('::');
  const numbers = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  if (tail === undefined) return numbers(head);
  const [before, after] = [numbers(head), numbers(tail)];
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

/** URLs write IPv6 addresses in their shortest form, without dotted parts. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
