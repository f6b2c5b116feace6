import { WombatError } from '@wombat/proto';
import type { ArtifactSource } from '../session/handlers.js';

/** A coordinator that has nothing. */
export const noArtifacts: ArtifactSource = {
  fetch: () => {
    throw new WombatError('WO_NOT_FOUND', 'no artifact has this sha256');
  },
};
