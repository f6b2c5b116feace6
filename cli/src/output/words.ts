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

export { sizeText as bytes } from '@wombat/proto';
