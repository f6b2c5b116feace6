import type { PageInfo, PageRequest } from '@wombat/proto/control';

/** One page as the API answers it. */
export interface PageAnswer<T> {
  readonly items: readonly T[];
  readonly page: PageInfo | undefined;
}

const pageSize = 500;

export interface PagesQuery {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly limit?: number;
}

/** All pages, or as many as `limit` items need. */
export async function allPages<T>(ask: (page: PageRequest) => Promise<PageAnswer<T>>, query: PagesQuery = {}): Promise<T[]> {
  const items: T[] = [];
  for await (const page of eachPage(ask, query)) items.push(...page);
  return items;
}

/** The same one after another, so that they need not be held all at once. */
export async function* eachPage<T>(ask: (page: PageRequest) => Promise<PageAnswer<T>>, { filter = '', orderBy = '', limit = Infinity }: PagesQuery): AsyncGenerator<readonly T[]> {
  let left = limit;
  let pageToken = '';
  do {
    const answer = await ask({ pageSize: Math.min(pageSize, left), pageToken, filter, orderBy });
    yield answer.items.slice(0, left);
    left -= answer.items.length;
    // A coordinator that gave the same token for ever would keep us here for ever.
    const next = answer.page?.nextPageToken ?? '';
    pageToken = next === pageToken ? '' : next;
  } while (pageToken && left > 0);
}

/** "family=x,phase=running" of what was given. */
export function filterOf(terms: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(terms)
    .flatMap(([key, value]) => (value ? [`${key}=${value}`] : []))
    .join(',');
}

export type { PageRequest };
