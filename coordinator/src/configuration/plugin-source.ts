import { z } from 'zod';
import type { PluginSource } from '../plugins/programs/plugin-program.js';

const word = z.string().max(4_096).refine((text) => !text.includes('\0'), 'has a NUL character');

const program = z.strictObject({
  name: z.string().min(1).max(40),
  command: z.array(word).min(1).max(64).refine(([path]) => path?.startsWith('/'), 'the command of a plugin begins with an absolute path'),
});

/** An entry of the list `plugins`. */
export const pluginSource: z.ZodType<PluginSource> = z.unknown().transform((given, context): PluginSource => {
  const read = typeof given === 'string' ? z.string().min(1).safeParse(given) : program.safeParse(given);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  context.addIssue({ code: 'custom', message: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not allowed'}`.replace(/^: /, '') });
  return z.NEVER;
});
