/** Made when it is needed: an agent, which orders nothing, is to load no tables of languages. */
let collator: Intl.Collator | undefined;

/** As people order names and versions, their numbers as numbers: web-2 before web-10. */
export function naturalOrder(left: string, right: string): number {
  collator ??= new Intl.Collator('en', { numeric: true });
  return collator.compare(left, right);
}
