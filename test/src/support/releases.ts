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

/** Changes the bytes of one file in a tarball, which must stay as many. */
export async function changeInside(path: string, file: RegExp, change: (bytes: Buffer) => void): Promise<void> {
  const archive = gunzipSync(await readFile(path));
  const entry = entriesOf(archive).find(({ name }) => file.test(name));
  if (!entry) throw new Error(`${path} holds no ${String(file)}`);
  change(entry.bytes);
  await writeFile(path, gzipSync(archive, { level: 1 }));
}

function toItem({ name, lines }: Script): TarItem {
  return { path: `bin/${name}`, mode: 0o755, contents: ['#!/bin/sh', ...lines, ''].join('\n') };
}

interface Entry {
  readonly name: string;
  /** A part of the archive itself. */
  readonly bytes: Buffer;
  /** Where the next header is. */
  readonly end: number;
}

/** By the headers' word alone: the blocks of zeros at the end are no entry, and a file may hold such too. */
function entriesOf(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + blockBytes <= archive.length && archive[at] !== 0; at = entries.at(-1)!.end) {
    const text = (start: number, length: number): string => archive.toString('latin1', at + start, at + start + length).split('\0')[0]!;
    const start = at + blockBytes;
    const sizeBytes = Number.parseInt(text(124, 12), 8);
    entries.push({ name: text(0, 100), bytes: archive.subarray(start, start + sizeBytes), end: start + Math.ceil(sizeBytes / blockBytes) * blockBytes });
  }
  return entries;
}

function withoutEnd(archive: Buffer): Buffer {
  return archive.subarray(0, entriesOf(archive).at(-1)?.end ?? 0);
}
