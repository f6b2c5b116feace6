const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const unitsBytes: Readonly<Record<string, number>> = {
  B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
};

/** Of a duration such as "1.5m" that the manifest's schema has passed. */
export function toMs(text: string): number {
  return scaled(text, unitsMs);
}

/** Of a size such as "512MiB" that the manifest's schema has passed; 0 when there is none. */
export function toBytes(text: string | undefined): number {
  return text === undefined ? 0 : scaled(text, unitsBytes);
}

function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit] = /^([\d.]+)(\w+)$/.exec(text)!;
  return Math.round(Number(number) * units[unit!]!);
}
