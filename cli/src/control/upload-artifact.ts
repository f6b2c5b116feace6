import { limits, WombatError } from '@wombat/proto';
import { ReleaseServiceService, type UploadArtifactResponse } from '@wombat/proto/control';
import { UsageError } from '../usage-error.js';
import type { Control } from './control.js';
import { chunksOf, withLocalFile, type UploadProgress } from './local-file.js';

/** Hashes the tarball, then streams it. */
export async function uploadArtifact(control: Control, path: string, onProgress: (progress: UploadProgress) => void = () => {}): Promise<UploadArtifactResponse> {
  return withLocalFile(path, async (file) => {
    if (file.sizeBytes === 0) throw new UsageError(`${path} is empty`);
    if (file.sizeBytes > limits.artifactBytes) throw new WombatError('WO_ARTIFACT_TOO_LARGE', `${path} has ${file.sizeBytes} bytes, allowed are ${limits.artifactBytes}`);
    return control.upload(ReleaseServiceService.uploadArtifact, chunksOf(file, onProgress));
  });
}
