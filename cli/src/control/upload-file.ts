import { FileServiceService } from '@wombat/proto/control';
import type { Control } from './control.js';
import { chunksOf, withLocalFile, type UploadProgress } from './local-file.js';

export interface UploadedFile {
  readonly sha256: string;
  readonly sizeBytes: bigint;
  /** Its permissions here. */
  readonly mode: number;
}

/** Hashes a file that is to be put on targets, then streams it. */
export async function uploadFile(control: Control, path: string, onProgress: (progress: UploadProgress) => void): Promise<UploadedFile> {
  return withLocalFile(path, async (file) => {
    const { sha256, sizeBytes } = await control.upload(FileServiceService.uploadFile, chunksOf(file, onProgress));
    return { sha256, sizeBytes, mode: file.mode };
  });
}
