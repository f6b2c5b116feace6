import { naturalOrder } from '@wombat/proto';

interface Named {
  readonly metadata?: { readonly name: string } | undefined;
}

export function byName<T extends Named>(items: readonly T[]): T[] {
  return [...items].sort((left, right) => naturalOrder(left.metadata?.name ?? '', right.metadata?.name ?? ''));
}
