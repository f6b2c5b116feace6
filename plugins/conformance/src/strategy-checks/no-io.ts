import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '../check.js';
import { filesOpenForWriting } from '../run/open-files.js';
import { sampleMembers } from '../run/strategy-context.js';
import type { StrategyCheck } from './strategy-check.js';

export const noIo: StrategyCheck = {
  name: 'no-io',
  promise: 'writes no files and has no connections but its own socket',
  advice: 'It is told all that it needs, and answers what is to be done: the nodes do it. So it can be asked anywhere, at any time, twice.',
  async run(context) {
    const strategy = await context.strategy();
    const { pid } = await context.subject();
    const [self, ...contacts] = sampleMembers(3);
    await strategy.planInputs(self!, contacts);
    await strategy.planJoin(self!, contacts);
    await strategy.planLeave(self!, contacts);
    const connections = connectionsOf(pid);
    const open = filesOpenForWriting(pid).filter((path) => !path.includes('/wombat-plugin-'));
    const { home, work } = context.homes;
    const written = [home, work].flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)));
    expect(written.length === 0, `it wrote ${written.map((path) => path.replace(home, '$HOME').replace(work, '.')).join(', ')}`);
    expect(open.length === 0, `it writes to ${open.join(', ')}`);
    expect(connections === 0, `it has ${connections} sockets of a network`);
  },
};

/** Sockets of the process that are of TCP or UDP. */
function connectionsOf(pid: number): number {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  }));
  const inode = 9;
  const rows = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) => readTable(`/proc/${pid}/net/${kind}`));
  return rows.filter((row) => own.has(row.trim().split(/\s+/)[inode] ?? '')).length;
}

/** Without its heading; a machine without IPv6 lacks half of them. */
function readTable(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
  } catch {
    return [];
  }
}
