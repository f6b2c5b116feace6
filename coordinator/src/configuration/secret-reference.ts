import { readFileSync } from 'node:fs';
import { WombatError } from '@wombat/proto';
import { z } from 'zod';

/** Where a secret is: never the secret itself, which would stand in files, arguments and logs. */
export type SecretReference = { readonly file: string } | { readonly variable: string };

const maximumBytes = 4_096;

/** `file:PATH` or `env:NAME`. What is given is not repeated when it is neither: it may be the secret. */
export const secretReference: z.ZodType<SecretReference> = z.string().transform((text, context): SecretReference => {
  if (/^file:./.test(text)) return { file: text.slice(5) };
  if (/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return { variable: text.slice(4) };
  context.addIssue({ code: 'custom', message: 'is neither file:PATH nor env:NAME' });
  return z.NEVER;
});

/** @throws WombatError WO_CONFIG_INVALID when there is no such file or variable, or nothing in it */
export function readSecret(reference: SecretReference, what: string, environment: Readonly<Record<string, string | undefined>>): string {
  const secret = 'file' in reference ? readSecretFile(reference.file, what) : (environment[reference.variable] ?? '');
  if (secret !== '') return secret;
  throw new WombatError('WO_CONFIG_INVALID', `${what}: ${'file' in reference ? `${reference.file} is empty` : `the environment has no ${reference.variable}`}`);
}

/** Without the end of its line. */
function readSecretFile(file: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new WombatError('WO_CONFIG_INVALID', `${what}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
  if (text.length > maximumBytes) throw new WombatError('WO_CONFIG_INVALID', `${what}: ${file} is larger than ${maximumBytes} bytes`);
  return text.replace(/\r?\n$/, '');
}
