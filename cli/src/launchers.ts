import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WombatError } from '@wombat/proto';

export type ProgramName = 'coordinator' | 'agent';

/** The launcher of a program beside this package; WO_COORDINATOR_BIN and WO_AGENT_BIN name another. */
export function launcherOf(program: ProgramName, env: Readonly<Record<string, string | undefined>>): string {
  const given = env[`WO_${program.toUpperCase()}_BIN`];
  if (given) return given;
  // Compiled file or chunk of the bundle: the checkout is the first folder above that has the launcher.
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, program, 'bin', `wombat-${program}`);
    if (existsSync(path)) return path;
  }
  throw new WombatError('WO_NOT_FOUND', `there is no launcher ${program}/bin/wombat-${program} in any folder above ${start}`, {
    hint: `build the project, or name the launcher with WO_${program.toUpperCase()}_BIN`,
  });
}
