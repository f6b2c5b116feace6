interface Named {
  readonly metadata?: { readonly name: string } | undefined;
}

const collator = new Intl.Collator('en', { numeric: true });

/** web-2 before web-10. */
export function compareNames(left: string, right: string): number {
  return collator.compare(left, right);
}

export function byName<T extends Named>(items: readonly T[]): T[] {
  return [...items].sort((left, right) => compareNames(left.metadata?.name ?? '', right.metadata?.name ?? ''));
}
