import { z } from 'zod';

/** Keyword of the JSON Schema that marks a setting as secret. */
export const secretKeyword = 'x-secret';

/**
 * Text that is never shown: not in notes, logs or answers. The mark survives `.min()`, `.optional()`,
 * `.describe()` and their like.
 */
export function secret(): z.ZodString {
  return z.string().meta({ [secretKeyword]: true });
}
