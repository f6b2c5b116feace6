import { quoted, WombatError } from '@wombat/proto';
import { FamilyServiceService, GetFamilyRequest, GetReleaseRequest, ReleaseServiceService, type ManifestCommand } from '@wombat/proto/control';
import type { Control } from './control.js';

/** What new nodes of a family can be asked to run by name. @throws WombatError WO_COMMAND_UNKNOWN where it has no release */
export async function offeredCommands(control: Control, family: string): Promise<readonly ManifestCommand[]> {
  const answer = await control.call(FamilyServiceService.getFamily, GetFamilyRequest.fromPartial({ family }));
  const release = answer.family?.spec?.releaseId ?? '';
  if (release === '') throw new WombatError('WO_COMMAND_UNKNOWN', `family ${family} has no release, which would offer commands`, { hint: `attach one: wo attach-release ${quoted(family)} RELEASE` });
  return (await control.call(ReleaseServiceService.getRelease, GetReleaseRequest.fromPartial({ release }))).release?.offeredCommands ?? [];
}
