/** What a value was written as. `isQuoted`: it is a text whatever it looks like. */
export interface Literal {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** `~` and `!~`: a pattern with `*` and `?`. */
export const comparators = ['=', '!=', '<=', '>=', '<', '>', '~', '!~'] as const;
export type Comparator = (typeof comparators)[number];

/**
 * A question that is answered by yes or no for each node or host, from its attributes:
 * `family = riak and host.memory >= 8GiB and not zone ~ "eu-*"`.
 */
export type Expression =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: 'compare'; readonly key: string; readonly comparator: Comparator; readonly value: Literal }
  | { readonly kind: 'in'; readonly key: string; readonly values: readonly Literal[] }
  /** `pattern` is a regular expression of RE2, found anywhere in the text. */
  | { readonly kind: 'matches'; readonly key: string; readonly pattern: string };

export const longestExpression = 4_096;
/** Parentheses and `not` within each other. */
export const deepestExpression = 64;
