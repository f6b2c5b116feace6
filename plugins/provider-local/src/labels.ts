import type { Attribute } from '@wombat/plugin-sdk';

const labelKey = /^[A-Za-z0-9_.-]{1,128}$/;

/** Labels as the agent takes them: `key=value`. Lists and quantities are no labels. */
export function labelFlags(labels: readonly Attribute[]): string[] {
  return labels.flatMap(({ key, value }) => {
    const kind = value?.kind;
    if (!labelKey.test(key) || kind === undefined || kind.$case === 'list' || kind.$case === 'quantity') return [];
    return [`${key}=${String(kind.value)}`];
  });
}
