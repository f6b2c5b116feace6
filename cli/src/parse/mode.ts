import { UsageError } from '../usage-error.js';

/** "644" or "0644". @throws UsageError for more than permissions */
export function parseMode(given: string, name: string): number {
  if (/^0?[0-7]{3}$/.test(given)) return Number.parseInt(given, 8);
  throw new UsageError(`${name} wants permissions in octal, such as 644 or 0640: ${JSON.stringify(given)}`);
}
