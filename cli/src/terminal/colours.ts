import picocolors from 'picocolors';
import { isLive, type OutputStream } from './io.js';

export type Colours = ReturnType<typeof picocolors.createColors>;

/**
 * Colours of one stream: --no-color, then NO_COLOR, then FORCE_COLOR decide; else a terminal that
 * is not dumb has them.
 */
export function coloursFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>, allowed: boolean): Colours {
  return picocolors.createColors(hasColours(stream, env, allowed));
}

function hasColours(stream: OutputStream, env: Readonly<Record<string, string | undefined>>, allowed: boolean): boolean {
  if (!allowed) return false;
  if (env['NO_COLOR']) return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return isLive(stream, env);
}
