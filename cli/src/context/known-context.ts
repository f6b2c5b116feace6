import { nearestHint, WombatError } from '@wombat/proto';
import type { ConfigFile, ContextEntry } from './config-file.js';

/** @throws WombatError WO_NOT_FOUND with the nearest name */
export function knownContext(config: ConfigFile, name: string): ContextEntry {
  const entry = Object.hasOwn(config.contexts, name) ? config.contexts[name] : undefined;
  if (entry) return entry;
  const hint = nearestHint(name, Object.keys(config.contexts), 'see those there are: wo context list');
  throw new WombatError('WO_NOT_FOUND', `${config.path} has no context ${JSON.stringify(name)}`, { hint });
}
