/** A name as part of other names: lower case, digits and dashes, at most 30 characters. */
export function slug(name: string): string {
  const text = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 30);
  return text === '' ? 'node' : text;
}
