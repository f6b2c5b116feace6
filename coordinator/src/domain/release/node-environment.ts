import type { Release } from '../model/release.js';
import { layoutEnvironment } from './otp-defaults.js';

/**
 * The release's own, over it the family's, over both what its layout needs. A variable that the family gives as a
 * secret is left out: the host adds it, and what names the node, and where epmd is.
 */
export function nodeEnvironment(
  { manifest, layout }: Pick<Release, 'manifest' | 'layout'>,
  environment: Readonly<Record<string, string>>,
  secretNames: readonly string[],
): Record<string, string> {
  const given = { ...manifest.environment, ...environment };
  const open = Object.fromEntries(Object.entries(given).filter(([name]) => !secretNames.includes(name)));
  return { ...open, ...layoutEnvironment(layout, manifest.mode) };
}
