import path from 'node:path';
import { configVariable, fromFlags } from './sources.js';

/** The file that the command line or the environment names; one that lies in the directory is not named. */
export function namedConfigurationFile(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = fromFlags(argv).file ?? environment[configVariable];
  return named === undefined ? undefined : path.resolve(named);
}
