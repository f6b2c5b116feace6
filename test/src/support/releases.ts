import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { tarball, type TarItem } from '@wombat/proto/testing';
import { fixtures } from './checkout.js';

const run = promisify(execFile);
const cache = join(tmpdir(), 'wombat-otp-cache');
const blockBytes = 512;

/** A shell script at `bin/NAME`, executable. */
export interface Script {
  readonly name: string;
  readonly lines: readonly string[];
}

/** A release that is one process which sleeps. It writes its name, so that its log is not empty. */
export const sleeper: Script = {
  name: 'start',
  lines: ['echo "started $WOMBAT_NODE_ID"', 'exec sleep 1000000'],
};

/** Writes a tarball of shell scripts, and further files, to `path`. */
export async function packScripts(path: string, scripts: readonly Script[], files: readonly TarItem[] = []): Promise<string> {
  await writeFile(path, gzipSync(tarball([...scripts.map(toItem), ...files]), { level: 1 }));
  return path;
}

/** The sample OTP release, built once for each Erlang of this machine, with scripts added to it. */
export async function packOtpRelease(path: string, scripts: readonly Script[] = []): Promise<string> {
  await run(join(fixtures, 'build-otp-release'), [path, cache]);
  if (scripts.length === 0) return path;
  const archive = withoutEnd(gunzipSync(await readFile(path)));
  await writeFile(path, gzipSync(Buffer.concat([archive, tarball(scripts.map(toItem))]), { level: 1 }));
  return path;
}

/** The sample of Elixir, built once for each Elixir of this machine. */
export async function packMixRelease(path: string): Promise<string> {
  await run(join(fixtures, 'build-mix-release'), [path, cache]);
  return path;
}

function toItem({ name, lines }: Script): TarItem {
  return { path: `bin/${name}`, mode: 0o755, contents: ['#!/bin/sh', ...lines, ''].join('\n') };
}

/** An archive ends with blocks of zeros, and an entry's content may end with zeros too: keep what a header promises. */
function withoutEnd(archive: Buffer): Buffer {
  let at = 0;
  while (at + blockBytes <= archive.length && archive[at] !== 0) {
    const sizeBytes = Number.parseInt(archive.subarray(at + 124, at + 136).toString('latin1'), 8);
    at += blockBytes + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
  return archive.subarray(0, at);
}
