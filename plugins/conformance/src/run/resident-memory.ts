import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '@wombat/proto';
import { expect } from '../check.js';

const restMs = 10_000;

/** Answers a remark. @throws when the processes of a group have too much of it */
export async function expectLittleMemory(group: number, limitBytes: number): Promise<string> {
  const bytes = await restingBytes(group, limitBytes);
  expect(bytes > 0, 'its memory cannot be read');
  expect(bytes < limitBytes, `it has ${Math.round(bytes / 1e6)} MB`);
  return `${Math.round(bytes / 1e6)} MB`;
}

/** A runtime that collects garbage is given time to do so. */
async function restingBytes(group: number, limitBytes: number): Promise<number> {
  const until = performance.now() + restMs;
  let bytes = residentBytes(group);
  while (bytes >= limitBytes && performance.now() < until) {
    await systemClock.sleep(250);
    bytes = residentBytes(group);
  }
  return bytes;
}

/** Of all processes of a group: a program may be started by another. */
function residentBytes(group: number): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).reduce((sum, pid) => sum + residentBytesIn(pid, group), 0);
}

function residentBytesIn(pid: string, group: number): number {
  try {
    // After the name in parentheses: state, parent, group.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, , ofProcess] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ofProcess) !== group) return 0;
    const [, kibibytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes) * 1024;
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}
