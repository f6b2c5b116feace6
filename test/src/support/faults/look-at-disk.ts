import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { NodeJournalLines } from './node-journal-lines.js';
import type { SeenJournal, SeenLines, SeenMachine, SeenTree } from './observation.js';

/** Digest of a tree: paths, contents, and what may be executed. Undefined: it went while it was read. */
export function treeDigest(directory: string): string | undefined {
  const hash = createHash('sha256');
  try {
    addTree(hash, directory, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

function addTree(hash: ReturnType<typeof createHash>, directory: string, below: string): void {
  for (const name of readdirSync(join(directory, below)).sort()) {
    const path = join(below, name);
    const found = lstatSync(join(directory, path));
    hash.update(`${path}\0${kindOf(found)}\0`);
    if (found.isDirectory()) addTree(hash, directory, path);
    else if (found.isFile()) hash.update(`${found.size}\0`).update(readFileSync(join(directory, path)));
  }
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'folder';
  if (!found.isFile()) return 'other';
  return (found.mode & 0o100) === 0 ? 'file' : 'program';
}

/** The trees of a host and the roots of its nodes, as far as they have their names. */
export function treesOf(hostDirectory: string): SeenTree[] {
  const trees = list(join(hostDirectory, 'releases', 'trees')).map((path) => ({ nodeId: '', path }));
  const roots = list(join(hostDirectory, 'nodes')).map((path) => ({ nodeId: basename(path), path: join(path, 'root') }));
  return [...trees, ...roots].flatMap(({ nodeId, path }) => {
    const digest = lstatSync(path, { throwIfNoEntry: false }) && treeDigest(path);
    return digest === undefined ? [] : [{ nodeId, path, digest }];
  });
}

/** What the programs of nodes have written of themselves. */
export function linesOf(hostDirectory: string): SeenLines[] {
  return list(join(hostDirectory, 'nodes')).flatMap((path) => (['starts', 'runs'] as const).flatMap((file): SeenLines[] => {
    const text = readOrEmpty(join(path, 'data', file));
    return text === '' ? [] : [{ nodeId: basename(path), file, lines: text.trimEnd().split('\n') }];
  }));
}

export function journalsOf(hostDirectory: string): SeenJournal[] {
  const lines = new NodeJournalLines(readOrEmpty(join(hostDirectory, 'nodes.journal')));
  return lines.nodes().map(({ nodeId, isRunning }) => ({ hostId: basename(hostDirectory), nodeId, isRunning }));
}

/** When an agent that had been there before was started the last time, since 1970; 0: none was. */
export function lastReturnOfAnAgent(hostDirectories: readonly string[]): number {
  const returns = hostDirectories.flatMap((directory) => {
    const starts = readOrEmpty(join(directory, 'agent.log')).split('\n').filter((line) => line.includes('"msg":"agent starts"'));
    return starts.slice(1).map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
  });
  return Math.max(0, ...returns);
}

/** The machines of a provider of the driver `local`: it keeps a file for each. */
export function machinesOf(providerDirectory: string): SeenMachine[] {
  return list(join(providerDirectory, 'records')).flatMap((path): SeenMachine[] => {
    const text = readOrEmpty(path);
    if (!path.endsWith('.json') || text === '') return [];
    const { hostId, tags } = JSON.parse(text) as { hostId: string; tags: Record<string, string> };
    return [{ machineId: hostId, hostId: tags['wombat-host'] ?? '', key: tags['wombat-key'] ?? '' }];
  });
}

/** Full paths; none where there is no such folder. */
export function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort().map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
