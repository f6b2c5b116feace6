import type { PageInfo, PageRequest } from '@wombat/proto/control';

/** One page as the API answers it. */
export interface PageAnswer<T> {
  readonly items: readonly T[];
  readonly page: PageInfo | undefined;
}

const pageSize = 500;

/** All pages, or as many as `limit` items need. */
export async function allPages<T>(ask: (page: PageRequest) => Promise<PageAnswer<T>>, query: { filter?: string; orderBy?: string; limit?: number } = {}): Promise<T[]> {
  const { filter = '', orderBy = '', limit = Infinity } = query;
  const items: T[] = [];
  let pageToken = '';
  do {
    const answer = await ask({ pageSize: Math.min(pageSize, limit - items.length), pageToken, filter, orderBy });
    items.push(...answer.items);
    // A coordinator that gave the same token for ever would keep us here for ever.
    const next = answer.page?.nextPageToken ?? '';
    pageToken = next === pageToken ? '' : next;
  } while (pageToken && items.length < limit);
  return items.slice(0, limit);
}

/** "family=x,phase=running" of what was given. */
export function filterOf(terms: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(terms)
    .flatMap(([key, value]) => (value ? [`${key}=${value}`] : []))
    .join(',');
}

export type { PageRequest };
