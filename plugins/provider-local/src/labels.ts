import { ProviderError, type Attribute } from '@wombat/plugin-sdk';

const labelKey = /^[a-z0-9_.-]{1,120}$/;
const longestValue = 256;

/**
 * Labels as the agent takes them: `key=value`.
 *
 * @throws ProviderError invalid for what the agent would refuse at its start
 */
export function labelFlags(labels: readonly Attribute[]): string[] {
  return labels.map(({ key, value }) => {
    const kind = value?.kind;
    if (!labelKey.test(key)) throw ProviderError.invalid('labels', `a label is named by at most 120 of [a-z0-9_.-]: ${JSON.stringify(key.slice(0, 80))}`);
    if (kind === undefined || kind.$case === 'list' || kind.$case === 'quantity') throw ProviderError.invalid('labels', `the label ${key} is no text, number or truth value`);
    const text = String(kind.value);
    if (text.length > longestValue) throw ProviderError.invalid('labels', `the label ${key} has more than ${longestValue} characters`);
    return `${key}=${text}`;
  });
}
