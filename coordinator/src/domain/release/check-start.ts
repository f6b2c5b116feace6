import { WombatError } from '@wombat/proto';
import type { Inspection } from './inspection.js';
import { nearestText } from './nearest.js';
import { resolveFile } from './resolve-entry.js';

/**
 * A command whose first word holds a slash must name an executable file of the release; any other is looked up in PATH.
 * @throws WombatError WO_MANIFEST_INVALID that names the file and the nearest there is
 */
export function checkProgram(argv: readonly string[], inspection: Inspection, what: string): void {
  const program = argv[0];
  if (program === undefined) throw new WombatError('WO_MANIFEST_INVALID', `${what} is empty`);
  if (!program.includes('/')) return;
  if (program.startsWith('/')) {
    throw new WombatError('WO_MANIFEST_INVALID', `${what} runs ${program}: a program of the release is named by its path inside the tarball, any other without a slash`);
  }
  const found = resolveFile(inspection.entries, program);
  if (!found) {
    throw new WombatError('WO_MANIFEST_INVALID', `${what} runs ${program}, which is not in the tarball${nearestText(program, executables(inspection))}`, {
      details: { path: program },
    });
  }
  if (!found.entry.executable) {
    throw new WombatError('WO_MANIFEST_INVALID', `${what} runs ${program}, which is not executable in the tarball`, { hint: `chmod +x ${program}, and pack the tarball again` });
  }
}

function* executables(inspection: Inspection): Generator<string> {
  for (const [path, entry] of inspection.entries) {
    if (entry.kind === 'link' || entry.executable) yield path;
  }
}
