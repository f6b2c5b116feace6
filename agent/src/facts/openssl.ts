import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

const product = 'OpenSSL ';
const directories = ['/usr/lib', '/lib', '/usr/lib64', '/lib64', '/usr/local/lib'];

/**
 * Version of the system's OpenSSL ("3.0.15"), empty when there is none: the crypto library bears it
 * as a text, so no process is started. Erlang's crypto needs to know which one it will meet.
 */
export function findOpenssl(searched: readonly string[] = libraryDirectories()): string {
  for (const directory of searched) {
    for (const name of ['libcrypto.so.3', 'libcrypto.so.1.1']) {
      const path = join(directory, name);
      if (!existsSync(path)) continue;
      const version = versionInside(path);
      if (version) return version;
    }
  }
  return '';
}

/** Debian keeps libraries in a directory for each architecture. */
function libraryDirectories(): string[] {
  return directories.flatMap((directory) => {
    try {
      return [...readdirSync(directory).filter((name) => name.endsWith('-linux-gnu')).map((name) => join(directory, name)), directory];
    } catch {
      return [];
    }
  });
}

/** Read in pieces, each beginning with the end of the one before, so that memory stays small. */
function versionInside(path: string): string | undefined {
  const pieceBytes = 64 * 1024;
  const overlapBytes = 64;
  const buffer = Buffer.alloc(pieceBytes + overlapBytes);
  const file = openSync(path, 'r');
  try {
    for (let position = 0, read = -1; read !== 0; position += pieceBytes) {
      read = readSync(file, buffer, 0, buffer.length, position);
      const version = versionIn(buffer.subarray(0, read));
      if (version) return version;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

function versionIn(bytes: Buffer): string | undefined {
  for (let at = bytes.indexOf(product); at >= 0; at = bytes.indexOf(product, at + 1)) {
    const version = /^OpenSSL ([0-9]+\.[0-9]+\.[0-9]+[a-z]?)/.exec(bytes.toString('latin1', at, at + 32))?.[1];
    if (version) return version;
  }
  return undefined;
}
