import { createHash } from 'node:crypto';
import { limits, WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { PutFile } from '@wombat/proto/types';
import type { RunAs } from '../accounts/run-as.js';
import { asDiskFull, requireSpace } from '../releases/disk-full.js';
import type { ArtifactSource } from '../session/handlers.js';
import { explained, inDirectoryOf, refused, type FilePlace } from './file-place.js';
import type { FileSink } from './file-sink.js';
import { OwnSink } from './own-sink.js';
import { UserSink } from './user-sink.js';

export interface FilePut {
  readonly file: PutFile;
  readonly place: FilePlace;
  readonly temporaryName: string;
  /** Whose it will be; undefined: the agent's own user. */
  readonly owner: RunAs | undefined;
  /** By whose rights it is written. Of a node's own user the agent takes care itself. */
  readonly writer: RunAs | undefined;
}

export interface FilePutServices {
  readonly artifacts: ArtifactSource;
  readonly clock: Clock;
  /** Where programs are looked for. */
  readonly path: string;
}

const sha256Form = /^[0-9a-f]{64}$/;
const mostPermissions = 0o777;
const retryMs = 500;

/**
 * Puts a file of the coordinator's in its place: beside it first, compared, synced, renamed. However it ends, the place holds
 * what was there before or the whole of the new file, and nothing else is left.
 * @throws WombatError, or the reason of the signal
 */
export async function putFile(put: FilePut, services: FilePutServices, signal: AbortSignal): Promise<void> {
  const { file, place } = put;
  const sizeBytes = Number(file.sizeBytes);
  if (!sha256Form.test(file.sha256) || sizeBytes > limits.artifactBytes || file.mode > mostPermissions) throw refused(place.path, 'cannot be put: the order is not valid', 'compare the versions: wo version');
  await inDirectoryOf(place, async (directory, name) => {
    const request = { directory, name, temporaryName: put.temporaryName, mode: file.mode };
    try {
      const sink = put.writer ? new UserSink(request, put.writer, services.path) : await OwnSink.open(request, put.owner);
      try {
        signal.throwIfAborted();
        await requireSpace(`/proc/self/fd/${directory}`, sizeBytes, 'the file needs');
        await receive(file, sizeBytes, sink, services, signal);
        await failpoint('agent.put.before-rename');
        signal.throwIfAborted();
        await sink.commit();
      } finally {
        await sink.discard();
      }
    } catch (error) {
      signal.throwIfAborted();
      throw told(place.path, await asDiskFull(error, `/proc/self/fd/${directory}`, sizeBytes, 'the file needs'));
    }
  });
}

/** A coordinator that goes away in between is waited for; what has come stays. */
async function receive(file: PutFile, sizeBytes: number, sink: FileSink, { artifacts, clock }: FilePutServices, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  let offset = 0;
  while (offset < sizeBytes) {
    try {
      for await (const chunk of artifacts.fetch(file.sha256, offset, signal)) {
        signal.throwIfAborted();
        if (offset + chunk.length > sizeBytes) throw corrupt(`more than its ${sizeBytes} bytes came`);
        await sink.write(chunk);
        hash.update(chunk);
        offset += chunk.length;
        await failpoint('agent.put.during');
      }
      if (offset < sizeBytes) throw corrupt(`it ended after ${offset} of ${sizeBytes} bytes`);
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      await clock.sleep(retryMs, signal);
    }
  }
  const sha256 = hash.digest('hex');
  if (sha256 !== file.sha256) throw corrupt(`its sha256 is ${sha256}, not ${file.sha256}`);
}

const final: readonly string[] = ['WO_NOT_FOUND', 'WO_INVALID_ARGUMENT', 'WO_ARTIFACT_CORRUPT'];

/** All that may befall the way to the coordinator; what the disk says is final. */
function mayPass(error: unknown): boolean {
  return WombatError.is(error) && !final.includes(error.code);
}

function told(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'EUSER' ? refused(path, `could not be written: ${message}`, 'see what that user may do there') : explained(path, error);
}

function corrupt(reason: string): WombatError {
  return new WombatError('WO_ARTIFACT_CORRUPT', `the file did not arrive as it was sent: ${reason}`);
}
