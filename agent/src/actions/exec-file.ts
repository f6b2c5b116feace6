import type { PutFile } from '@wombat/proto/types';
import { runAs } from '../accounts/run-as.js';
import { placeOfHost, placeOfNode } from '../files/file-place.js';
import type { FilePut } from '../files/put-file.js';
import { ownerOf, type NodeContext } from '../nodes/node-context.js';
import type { ExecEntry } from './exec-ledger.js';
import type { ExecServices } from './exec-services.js';

/** Without a context the target is the host itself. @throws WombatError when the host does not allow it, or has no such user */
export function filePutOf(file: PutFile, { jobId, targetId }: ExecEntry, context: NodeContext | undefined, { policy, path }: ExecServices): FilePut {
  policy.checkFiles(file.user);
  return {
    file,
    place: context ? placeOfNode(file.path, context.paths) : placeOfHost(file.path),
    temporaryName: `.wombat-${jobId}-${targetId}`,
    writer: runAs(file.user, path),
    owner: context && file.user === '' ? ownerOf(context) : undefined,
  };
}
