import { ProviderError } from '@wombat/plugin-sdk';

/** A cloud whose list does not end is not believed. */
const mostPages = 200;

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

/** Everything of a list that is paged by the id of the last item seen. Addresses of next pages are not followed: they are the service's word. */
export async function allPages<Item extends { readonly id: string }>(read: (marker: string | undefined) => Promise<Page<Item>>): Promise<readonly Item[]> {
  const found: Item[] = [];
  for (let pages = 0; pages < mostPages; pages += 1) {
    const { items, hasMore } = await read(found.at(-1)?.id);
    found.push(...items);
    if (!hasMore || items.length === 0) return found;
  }
  throw ProviderError.unavailable(`a list of the cloud has more than ${mostPages} pages`);
}
