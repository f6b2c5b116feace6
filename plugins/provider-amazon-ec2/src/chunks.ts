/** In pieces of at most so many. */
export function chunks<T>(items: readonly T[], largest: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / largest) }, (_, index) => items.slice(index * largest, (index + 1) * largest));
}
