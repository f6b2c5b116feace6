import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '@wombat/proto';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';

const calls = 500;
const atOnce = 10;
const restMs = 10_000;

export const memory: Check = {
  name: 'memory',
  promise: 'has less than 150 MB of memory after 500 calls',
  advice: 'Keep nothing of a call once it is answered, and load only those parts of a library that are used.',
  async run(context) {
    const subject = await context.subject();
    const settings = JSON.stringify(context.settings);
    let asked = 0;
    const ask = async (): Promise<void> => {
      while (asked < calls) {
        asked += 1;
        // Few of them reach the provider: it may count its calls.
        if (asked % 10 === 0) await subject.list();
        else await subject.call(methods.validate, { settings });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, ask));
    const bytes = await restingBytes(subject.pid, context.bounds.memoryBytes);
    expect(bytes > 0, 'its memory cannot be read');
    expect(bytes < context.bounds.memoryBytes, `it has ${Math.round(bytes / 1e6)} MB`);
    return `${Math.round(bytes / 1e6)} MB`;
  },
};

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
