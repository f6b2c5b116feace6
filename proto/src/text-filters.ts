/**
 * Filters of templates, by name: what stands inside, and the quotes around it. A secret inside one is filled in on
 * the host, so both ends must escape alike.
 */
export interface TextFilter {
  readonly escape: (text: string) => string;
  readonly quotes: readonly [open: string, close: string];
}

export const textFilters: Readonly<Record<string, TextFilter>> = {
  erlangString: { escape: (text) => escapeErlang(text, '"'), quotes: ['"', '"'] },
  erlangBinary: { escape: (text) => escapeErlang(text, '"'), quotes: ['<<"', '"/utf8>>'] },
  erlangAtom: { escape: (text) => escapeErlang(text, "'"), quotes: ["'", "'"] },
  shellWord: { escape: (text) => text.replaceAll("'", String.raw`'\''`), quotes: ["'", "'"] },
};

/** One escapes what another has escaped: the text doubles with each. */
export const mostNestedFilters = 4;

function escapeErlang(text: string, quote: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\n', '\\n');
}

/** A secret in a rendered file: `{{secret:NAME}}`, or `{{secret:NAME:FILTER...}}` when it stands inside filters, the innermost first. */
const secretMark = new RegExp(`\\{\\{secret:([A-Za-z_][\\w-]*)((?::(?:${Object.keys(textFilters).join('|')})){0,${mostNestedFilters}})\\}\\}`, 'g');

/** Marks every secret in the text as standing inside this filter too. */
export function filterSecretMarks(text: string, filter: string): string {
  return text.replace(secretMark, (_, name: string, filters: string) => `{{secret:${name}${filters}:${filter}}}`);
}

/** Puts values in the place of the marks, escaped as the filters around them ask for; `valueOf` throws for an unknown name. */
export function fillSecretMarks(text: string, valueOf: (name: string) => string): string {
  return text.replace(secretMark, (_, name: string, filters: string) =>
    filters.split(':').slice(1).reduce((value, filter) => textFilters[filter]!.escape(value), valueOf(name)));
}

/** Whether a secret is still to be filled in. */
export function hasSecretMark(text: string): boolean {
  return text.search(secretMark) >= 0;
}
