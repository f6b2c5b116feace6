import { closeSync, fstatSync, readSync } from 'node:fs';
import { limits } from '@wombat/proto';
import { openPlainFile } from '../logs/plain-file.js';
import type { SecretMask } from './mask-secrets.js';

/** Colours and cursor moves; titles and links. */
const terminalSequences = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/g;

/** The last lines of what a node wrote, stderr last, safe for a terminal and without secrets, at most 4 KiB of UTF-8. */
export function logTail(stdoutFile: string, stderrFile: string, mask: SecretMask): string {
  const stderr = tailOf(stderrFile, mask);
  const stdout = tailOf(stdoutFile, mask);
  const both = [stdout, stderr].filter((text) => text !== '').join('\n');
  return lastBytes(both, limits.logTailBytes);
}

function tailOf(file: string, mask: SecretMask): string {
  return plainText(readEnd(file, limits.logTailBytes / 2, mask));
}

/** Lines without anything that steers a terminal. */
export function plainText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(terminalSequences, '').replace(controls, '').trim();
}

/** What stands before it is read too: a secret may lie across. */
function readEnd(file: string, sizeBytes: number, mask: SecretMask): string {
  let descriptor: number;
  try {
    descriptor = openPlainFile(file);
  } catch {
    return '';
  }
  try {
    const total = fstatSync(descriptor).size;
    const buffer = Buffer.alloc(Math.min(total, sizeBytes + mask.reachBytes));
    const read = readSync(descriptor, buffer, 0, buffer.length, total - buffer.length);
    const text = mask.bytes(buffer.subarray(0, read)).subarray(Math.max(0, buffer.length - sizeBytes)).toString('utf8');
    // The first line may have lost its beginning.
    const firstLineEnd = text.indexOf('\n');
    return total > sizeBytes && firstLineEnd >= 0 ? text.slice(firstLineEnd + 1) : text;
  } finally {
    closeSync(descriptor);
  }
}

function lastBytes(text: string, maximumBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maximumBytes) return text;
  // A character cut in two becomes U+FFFD, which goes.
  return bytes.subarray(bytes.length - maximumBytes).toString('utf8').replace(/^\ufffd+/, '');
}
