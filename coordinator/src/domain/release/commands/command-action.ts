import { nearest, WombatError } from '@wombat/proto';
import type { Action } from '@wombat/proto/types';
import { offeredCommands } from './offered-commands.js';
import { readArguments } from './read-arguments.js';
import type { ReleaseCommand } from './release-command.js';

/**
 * What a node of this release runs.
 * @throws WombatError WO_COMMAND_UNKNOWN, WO_COMMAND_ARGUMENTS
 */
export function commandAction(release: Parameters<typeof offeredCommands>[0] & { readonly name: string; readonly version: string }, asked: ReleaseCommand): Action {
  const offered = offeredCommands(release);
  const found = offered.find(({ command }) => command.name === asked.name);
  if (found) return found.actionOf(readArguments(found.command, asked.arguments));
  const names = offered.map(({ command }) => command.name);
  const close = nearest(asked.name, names);
  throw new WombatError('WO_COMMAND_UNKNOWN', `release ${release.name} ${release.version} has no command ${JSON.stringify(asked.name.slice(0, 80))}`, {
    hint: close === undefined ? `it has ${names.length > 0 ? names.join(', ') : 'none: they stand in its manifest'}; see wo run FAMILY --help` : `did you mean ${close}? See wo run FAMILY --help`,
  });
}
