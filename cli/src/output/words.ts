/** "NODE_PHASE_RUNNING" with "NODE_PHASE_" -> "running"; what a newer coordinator says stays readable. */
export function word(json: string, prefix: string): string {
  if (json === 'UNRECOGNIZED') return 'unrecognised';
  const rest = json.startsWith(prefix) ? json.slice(prefix.length) : json;
  return rest === 'UNSPECIFIED' ? '' : rest.toLowerCase();
}

/** "1 node", "2 nodes". */
export function count(amount: number, singular: string, plural = `${singular}s`): string {
  return `${amount} ${amount === 1 ? singular : plural}`;
}

/** "1.5 GiB" */
export function bytes(size: bigint | number): string {
  let value = Number(size);
  let unit = 'B';
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break;
    [value, unit] = [value / 1024, larger];
  }
  return `${unit === 'B' || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
