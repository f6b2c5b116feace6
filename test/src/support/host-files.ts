import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { readBootId } from '@wombat/proto/processes';
import { encodeLine } from '../../../agent/dist/nodes/journal-lines.js';
import { isAlive, signalProcess, type Process } from './processes.js';
import { notYet, until } from './until.js';
import type { Workshop } from './workshop.js';

/** The one agent there is, as soon as there is one. */
export async function theAgent(workshop: Workshop): Promise<Process> {
  return await until('an agent runs', () => workshop.agents()[0] ?? notYet('no agent'), { everyMs: 20 });
}

export async function killAndWait(target: Process): Promise<void> {
  signalProcess(target, 'SIGKILL');
  await until('it is dead', () => !isAlive(target) || notYet('alive'), { everyMs: 10 });
}

export function journalBytes(hostDirectory: string): number {
  const file = join(hostDirectory, 'nodes.journal');
  return existsSync(file) ? statSync(file).size : 0;
}

/** What an agent that was killed left half unpacked or half copied. */
export function stagedIn(hostDirectory: string): string[] {
  const staging = join(hostDirectory, 'releases', 'staging');
  return existsSync(staging) ? readdirSync(staging) : [];
}

/** While its agent stands still, which is killed then: another one finds the journal as it was made. */
export async function damageJournal(agent: Process, hostDirectory: string, change: (text: string) => string): Promise<void> {
  signalProcess(agent, 'SIGSTOP');
  const file = join(hostDirectory, 'nodes.journal');
  writeFileSync(file, change(readFileSync(file, 'latin1')), 'latin1');
  await killAndWait(agent);
}

/** Has whatever an agent that stands still has written down be of an earlier boot of the machine. Answers how often the boot was named. */
export function dateBeforeBoot(hostDirectory: string): number {
  const [now, before] = [readBootId(), '00000000-0000-4000-8000-000000000000'];
  const files = readdirSync(hostDirectory, { withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.includes('.damaged-'));
  let named = 0;
  for (const file of files.map(({ name }) => join(hostDirectory, name))) {
    const lines = readFileSync(file, 'latin1').split('\n');
    const dated = lines.map((line) => (line.includes(now) ? redate(line.replaceAll(now, before)) : line));
    named += lines.filter((line) => line.includes(now)).length;
    writeFileSync(file, dated.join('\n'), 'latin1');
  }
  return named;
}

/** Lines of a journal bear a checksum before them. */
function redate(line: string): string {
  return line.startsWith('{') ? line : encodeLine(JSON.parse(line.slice(line.indexOf(' ') + 1))).trimEnd();
}

/** Another process has number and start time of the old one of the node, as far as anybody has written down. */
export function giveNumberAway(nodeDirectory: string, to: number): void {
  const stat = readFileSync(`/proc/${to}/stat`, 'latin1').split('\n')[0] ?? '';
  const run = join(nodeDirectory, 'run');
  for (const record of readdirSync(run).filter((name) => name.endsWith('.pid'))) writeFileSync(join(run, record), `${stat}\n${stat}\n`);
}

/** Writes until the disk takes no more, but for so many bytes. */
export function fillDisk(file: string, freeBytes: number): void {
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    for (const pieceBytes of [64 * 1024, 4096]) writeAll(descriptor, pieceBytes);
  } finally {
    closeSync(descriptor);
  }
  if (freeBytes > 0) writeFileSync(file, Buffer.alloc(Math.max(0, statSync(file).size - freeBytes)));
}

function writeAll(descriptor: number, pieceBytes: number): void {
  try {
    while (writeSync(descriptor, Buffer.alloc(pieceBytes)) === pieceBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
