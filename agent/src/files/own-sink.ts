import { constants, fsyncSync, lstatSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import type { RunAs } from '../accounts/run-as.js';
import type { FileSink, SinkRequest } from './file-sink.js';
import { through } from './held-directory.js';

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Written by the agent, and given to the owner of the place before it gets its name. */
export class OwnSink implements FileSink {
  readonly #request: SinkRequest;
  readonly #owner: Pick<RunAs, 'uid' | 'gid'> | undefined;
  readonly #file: FileHandle;

  static async open(request: SinkRequest, owner: Pick<RunAs, 'uid' | 'gid'> | undefined): Promise<OwnSink> {
    const temporary = through(request.directory, request.temporaryName);
    await rm(temporary, { force: true });
    requirePlain(through(request.directory, request.name));
    return new OwnSink(request, owner, await open(temporary, newFile, 0o600));
  }

  private constructor(request: SinkRequest, owner: Pick<RunAs, 'uid' | 'gid'> | undefined, file: FileHandle) {
    this.#request = request;
    this.#owner = owner;
    this.#file = file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let written = 0; written < chunk.length; ) written += (await this.#file.write(chunk, written, chunk.length - written)).bytesWritten;
  }

  async commit(): Promise<void> {
    const { directory, name, temporaryName, mode } = this.#request;
    if (this.#owner) await this.#file.chown(this.#owner.uid, this.#owner.gid);
    await this.#file.chmod(mode);
    await this.#file.sync();
    await this.#file.close();
    requirePlain(through(directory, name));
    await rename(through(directory, temporaryName), through(directory, name));
    fsyncSync(directory);
  }

  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(through(this.#request.directory, this.#request.temporaryName), { force: true });
  }
}

/** Only a file is replaced: no directory, no link, no device. */
function requirePlain(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) throw Object.assign(new Error('no plain file'), { code: 'EINVAL' });
}
