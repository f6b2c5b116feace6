import { existsSync, renameSync, writeFileSync } from 'node:fs';

/** A clock for processes, read from a file: it can be set while they run. Their timers stay as they are. */
export class FakedClock {
  readonly #file: string;

  /** For `skip` of a test that needs it: false, or the reason. */
  static missing(): string | false {
    return library() === undefined ? 'faketime is not installed' : false;
  }

  constructor(file: string) {
    this.#file = file;
    this.set('+0');
  }

  /** What processes that shall go by it have in their environment. */
  get environment(): Record<string, string> {
    return { LD_PRELOAD: library()!, FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  }

  /** By how much it is off: "-24h", "+2m", "+0". */
  set(offset: string): void {
    writeFileSync(`${this.#file}.new`, offset);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** Of this machine's architecture. */
function library(): string | undefined {
  const path = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`;
  return existsSync(path) ? path : undefined;
}
