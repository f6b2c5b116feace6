import type { Provider } from '@wombat/proto/control';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';

export function providerColumns(nowMs: number): readonly Column<Provider>[] {
  return [
    { title: 'NAME', text: (provider) => provider.metadata?.name ?? '', cut: true },
    { title: 'DRIVER', text: (provider) => provider.driver },
    { title: 'STATE', text: (provider) => providerState(provider, nowMs) },
    { title: 'IDENTITY', text: (provider) => provider.identity, wide: true },
    { title: 'ID', text: (provider) => provider.metadata?.id ?? '' },
  ];
}

export function providerState(provider: Provider, nowMs: number): string {
  if (provider.lastError) return `${provider.lastError.code}: ${provider.lastError.message}`;
  return provider.verifiedAt ? `verified ${relative(provider.verifiedAt, nowMs)}` : 'not verified';
}

export function providerEntries(provider: Provider, nowMs: number): readonly (readonly [string, string])[] {
  return [
    ['id', provider.metadata?.id ?? ''],
    ['name', provider.metadata?.name ?? ''],
    ['driver', provider.driver],
    ['state', providerState(provider, nowMs)],
    ['identity', provider.identity],
    ['settings', prettyJson(provider.settings)],
    ['created', relative(provider.metadata?.createdAt, nowMs)],
  ];
}

/** What is no JSON is shown as it is. */
export function prettyJson(text: string): string {
  try {
    return text && JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
