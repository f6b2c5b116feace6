import { WombatError } from '@wombat/proto';
import { z } from 'zod';
import { oneLine } from './one-line.js';

/** A plugin broke its contract: what it did, under its name. */
export function pluginFault(who: string, what: string, cause?: unknown): WombatError {
  const hint = 'this is a fault of the plugin: tell its author';
  return new WombatError('WO_PLUGIN_INVALID', `${who}: ${what}`, { hint, cause });
}

/** One clause on anything caught. */
export function reasonOf(value: unknown): string {
  if (value instanceof z.ZodError) {
    const [issue] = value.issues;
    return oneLine(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, 300);
  }
  return oneLine(value instanceof Error ? value.message : String(value), 500);
}
