import type { Literal } from './expression.js';

const kibi = 1024;
const kilo = 1000;
const second = 1000;

/** Of one in base units: bytes, or milliseconds. */
const factors: ReadonlyMap<string, number> = new Map([
  ['', 1], ['B', 1],
  ...['K', 'M', 'G', 'T', 'P'].flatMap((letter, index): [string, number][] => [[`${letter}iB`, kibi ** (index + 1)], [`${letter === 'K' ? 'k' : letter}B`, kilo ** (index + 1)]]),
  ['ms', 1], ['s', second], ['m', 60 * second], ['h', 3_600 * second], ['d', 86_400 * second],
]);
export const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const form = /^([+-]?(?:\d+\.?\d*|\.\d+))([A-Za-z]*)$/;

export interface Quantity {
  /** In base units. */
  readonly amount: number;
  /** Empty: none was written. */
  readonly unit: string;
}

/** Undefined for what is no number, or was meant as a text. */
export function quantityOf({ text, isQuoted }: Literal): Quantity | undefined {
  const [, digits, unit] = (isQuoted ? undefined : form.exec(text)) ?? [];
  const factor = unit === undefined ? undefined : factors.get(unit);
  return digits === undefined || unit === undefined || factor === undefined ? undefined : { amount: Number(digits) * factor, unit };
}
