import { WombatError } from '@wombat/proto';
import type { ChannelData, ReadFiles } from '@wombat/proto/agent';
import { FilePart } from '@wombat/proto/types';
import { placeOfHost, placeOfNode } from '../files/file-place.js';
import { readTree } from '../files/read-tree.js';
import type { NodeContext } from '../nodes/node-context.js';
import type { ExecPolicyFile } from './exec-policy.js';

export interface ReadFilesServices {
  readonly hostId: string;
  readonly policy: ExecPolicyFile;
  /** Undefined when the node is not on this host. */
  readonly nodeContext: (nodeId: string) => NodeContext | undefined;
}

/** Files of a node or of the host itself. @throws WombatError WO_EXEC_REJECTED */
export async function* readFiles({ targetId, path, mostBytes, mostFiles }: ReadFiles, { hostId, policy, nodeContext }: ReadFilesServices, signal: AbortSignal): AsyncGenerator<ChannelData> {
  policy.checkFiles('');
  const context = targetId === hostId ? undefined : nodeContext(targetId);
  if (targetId !== hostId && !context) throw new WombatError('WO_EXEC_REJECTED', `${targetId.slice(0, 64)} is not on this host`);
  const place = context ? placeOfNode(path, context.paths) : placeOfHost(path);
  for await (const part of readTree(place, { mostBytes: Number(mostBytes), mostFiles }, signal)) {
    yield { offset: 0n, data: Buffer.from(FilePart.encode(part).finish()), lostBytes: 0n, log: undefined };
  }
}
