export interface UnpackRequest {
  /** A verified tarball. */
  readonly archivePath: string;
  readonly sizeBytes: number;
  /** Must be empty. Holds the whole tree afterwards, or whatever was written until it failed. */
  readonly directory: string;
}

export interface Unpacked {
  /** The folder in `directory` that is the tree; empty: `directory` itself. */
  readonly topFolder: string;
}

/** Unpacks a tarball under the rules of @wombat/proto. */
export interface Unpacker {
  /** @throws WombatError WO_ARCHIVE_INVALID, WO_ARCHIVE_REFUSED, WO_DISK_FULL */
  unpack(request: UnpackRequest, signal: AbortSignal): Promise<Unpacked>;
}

/** Unpacks in this process. The parser is loaded when it is first needed: an idle agent does without. */
export const inProcessUnpacker: Unpacker = {
  async unpack(request, signal) {
    const { unpackArchive } = await import('./unpack-archive.js');
    return await unpackArchive(request, signal);
  },
};

/** Small tarballs here, for a process takes longer to start than they take to unpack; the rest elsewhere. */
export class SizedUnpacker implements Unpacker {
  readonly #smallBytes: number;
  readonly #small: Unpacker;
  readonly #large: Unpacker;

  constructor(small: Unpacker, large: Unpacker, smallBytes = 64 * 1024) {
    this.#small = small;
    this.#large = large;
    this.#smallBytes = smallBytes;
  }

  unpack(request: UnpackRequest, signal: AbortSignal): Promise<Unpacked> {
    const unpacker = request.sizeBytes <= this.#smallBytes ? this.#small : this.#large;
    return unpacker.unpack(request, signal);
  }
}
