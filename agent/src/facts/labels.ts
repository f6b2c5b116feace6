import type { Attribute, AttributeValue } from '@wombat/proto/types';
import { WombatError } from '@wombat/proto';

// With the prefix a key keeps within the 128 characters of an attribute.
const keyPattern = /^[A-Za-z0-9_.-]{1,122}$/;

/**
 * A label `k=v` of the configuration as a typed attribute under `label.`: `true` and `false` are
 * flags, whole numbers integers, other numbers decimals, the rest is text.
 * @throws WombatError WO_CONFIG_INVALID
 */
export function parseLabel(text: string): Attribute {
  const split = text.indexOf('=');
  const [key, value] = [text.slice(0, Math.max(0, split)), text.slice(split + 1)];
  if (!keyPattern.test(key) || value.length > 256) {
    throw new WombatError('WO_CONFIG_INVALID', `a label is KEY=VALUE, the key of letters, digits, dots, dashes and underscores: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return { key: `label.${key.toLowerCase()}`, value: { kind: typed(value) } };
}

function typed(value: string): AttributeValue['kind'] {
  if (value === 'true' || value === 'false') return { $case: 'flag', value: value === 'true' };
  if (/^-?[0-9]{1,15}$/.test(value)) return { $case: 'integer', value: BigInt(value) };
  if (/^-?[0-9]{1,15}\.[0-9]{1,15}$/.test(value)) return { $case: 'decimal', value: Number(value) };
  return { $case: 'text', value };
}
