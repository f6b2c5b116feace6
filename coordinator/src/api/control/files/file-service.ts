import { FileServiceService } from '@wombat/proto/control';
import { implement, type Service } from '../../service.js';
import { pullFiles, type PullTools } from './pull-files.js';
import type { PushedFiles } from './pushed-files.js';
import { readUpload } from '../upload.js';

export interface FileServiceOptions extends PullTools {
  readonly files: PushedFiles;
}

export function fileService({ files, ...tools }: FileServiceOptions): Service {
  return implement(FileServiceService, {
    async uploadFile(requests, context) {
      const { expected, bytes } = await readUpload(requests);
      const { existed } = await files.upload(bytes, expected, context.signal);
      return { sha256: expected.sha256, sizeBytes: BigInt(expected.sizeBytes), existed };
    },
    async *pullFiles(request, context) {
      yield* pullFiles(tools, request, context.signal);
    },
  });
}
