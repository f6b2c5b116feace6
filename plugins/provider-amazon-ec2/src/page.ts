import type { ListPage } from '@wombat/plugin-sdk';

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

const ownToken = /^from-(\d+)$/;

/** What EC2 is asked with for a page. */
export function pageQuery({ pageSize, pageToken }: ListPage, bounds: { readonly least: number; readonly most: number }): { MaxResults: number; NextToken?: string } {
  const size = Math.min(bounds.most, Math.max(bounds.least, pageSize || bounds.most));
  return { MaxResults: size, ...(pageToken === '' || ownToken.test(pageToken) ? {} : { NextToken: pageToken }) };
}

/** Clouds that know no pages answer all at once: of that a page is cut here, with a token of our own. */
export function cutPage<T>(items: readonly T[], nextToken: string | undefined, { pageSize, pageToken }: ListPage, asked: number): Page<T> {
  if (nextToken || items.length <= asked) return { items, nextPageToken: nextToken ?? '' };
  const from = Number(ownToken.exec(pageToken)?.[1] ?? 0);
  const end = from + (pageSize || asked);
  return { items: items.slice(from, end), nextPageToken: items.length > end ? `from-${end}` : '' };
}
