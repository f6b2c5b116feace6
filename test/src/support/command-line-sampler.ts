import { readdirSync, readFileSync } from 'node:fs';

/**
 * A program of its own: reads the command lines of the machine's processes every few milliseconds until its input
 * ends, then writes what it saw as one JSON document. Within a busy test process the pauses would be as long as the
 * life of what is looked for.
 */
const everyMs = 3;
/** Processes that were there before change their command line seldom. */
const oldEvery = 100;

const seen = new Set<string>();
const before = new Set(pids());
let rounds = 0;

function pids(): string[] {
  return readdirSync('/proc').filter((name) => name.charCodeAt(0) <= 57 && name.charCodeAt(0) >= 48);
}

function look(): void {
  rounds += 1;
  for (const pid of pids()) {
    if (before.has(pid) && rounds % oldEvery !== 0) continue;
    try {
      seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      // It has ended meanwhile.
    }
  }
}

const timer = setInterval(look, everyMs);
process.stdin.resume().on('close', () => {
  clearInterval(timer);
  process.stdout.write(JSON.stringify({ rounds, lines: [...seen] }));
});
