interface Named {
  readonly metadata?: { readonly name: string } | undefined;
}

const collator = new Intl.Collator('en', { numeric: true });

/** web-2 before web-10. */
export function byName<T extends Named>(items: readonly T[]): T[] {
  return [...items].sort((left, right) => collator.compare(left.metadata?.name ?? '', right.metadata?.name ?? ''));
}
