import type { Share } from '@wombat/proto/control';
import { UsageError } from '../usage-error.js';

/** "10%" or "5". */
export function parseShare(text: string, name: string): Share {
  const [, digits, percent] = /^(\d{1,9}(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (percent === '%' && value > 0 && value <= 100) return { kind: { $case: 'percent', value } };
  if (percent === '' && Number.isInteger(value) && value >= 1) return { kind: { $case: 'number', value } };
  throw new UsageError(`${name} wants a number from 1, or a percentage such as 10%: ${JSON.stringify(text)}`);
}

export function shareText({ kind }: Share): string {
  if (!kind) return '';
  return kind.$case === 'percent' ? `${kind.value}%` : String(kind.value);
}
