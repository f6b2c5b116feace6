import { Unit, type Attribute, type AttributeValue } from '@wombat/proto/types';
import { bytes } from './words.js';

/** "host.memory = 23.5 GiB" */
export function attributeText({ key, value }: Attribute): string {
  return `${key} = ${valueText(value)}`;
}

function valueText(value: AttributeValue | undefined): string {
  const kind = value?.kind;
  if (!kind) return '';
  switch (kind.$case) {
    case 'quantity':
      return quantityText(kind.value.amount, kind.value.unit, kind.value.currency);
    case 'list':
      return kind.value.values.map(valueText).join(', ');
    default:
      return String(kind.value);
  }
}

function quantityText(amount: number, unit: Unit, currency: string): string {
  switch (unit) {
    case Unit.BYTES:
      return bytes(amount);
    case Unit.MILLISECONDS:
      return `${amount} ms`;
    case Unit.PRICE_PER_HOUR:
      return `${amount} ${currency} an hour`;
    default:
      return String(amount);
  }
}
