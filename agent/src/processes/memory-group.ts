import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Which control groups of the kernel can bound the memory of nodes here. */
export type MemoryGroupKind = 'none' | 'v1' | 'v2';

interface Hierarchy {
  readonly kind: MemoryGroupKind;
  readonly mount: string;
}

const folderName = 'wombat';
const nowhere: Hierarchy = { kind: 'none', mount: '' };

/** Control groups that bound the memory of a node's processes together; one for each node, below `wombat`. */
export class MemoryGroups {
  readonly #hierarchy: Hierarchy;

  constructor(mounts = readOrEmpty('/proc/mounts')) {
    this.#hierarchy = findHierarchy(mounts);
  }

  get kind(): MemoryGroupKind {
    return this.#hierarchy.kind;
  }

  /** Answers the file that a process joins the group by; undefined where there are no groups. */
  make(nodeId: string, memoryBytes: number): string | undefined {
    if (this.kind === 'none') return undefined;
    const group = this.#folder(nodeId);
    // A new one counts anew.
    this.remove(nodeId);
    mkdirSync(group, { recursive: true });
    if (this.kind === 'v2') this.#boundV2(group, memoryBytes);
    else boundV1(group, memoryBytes);
    return join(group, 'cgroup.procs');
  }

  /** Whether the kernel has ended a process of the group because it took too much. */
  hasKilled(nodeId: string): boolean {
    if (this.kind === 'none') return false;
    const text = readOrEmpty(join(this.#folder(nodeId), this.kind === 'v2' ? 'memory.events' : 'memory.oom_control'));
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
  }

  /** Does nothing while processes are in it. */
  remove(nodeId: string): void {
    if (this.kind === 'none') return;
    try {
      rmdirSync(this.#folder(nodeId));
    } catch {
      // Not there, or still in use.
    }
  }

  #folder(nodeId: string): string {
    return join(this.#hierarchy.mount, folderName, nodeId);
  }

  #boundV2(group: string, memoryBytes: number): void {
    for (const folder of [this.#hierarchy.mount, join(this.#hierarchy.mount, folderName)]) {
      const file = join(folder, 'cgroup.subtree_control');
      if (!readOrEmpty(file).split(/\s+/).includes('memory')) writeFileSync(file, '+memory');
    }
    writeFileSync(join(group, 'memory.max'), String(memoryBytes));
    // To swap instead would be to take the memory all the same, and slowly.
    writeIfThere(join(group, 'memory.swap.max'), '0');
  }
}

function boundV1(group: string, memoryBytes: number): void {
  writeFileSync(join(group, 'memory.limit_in_bytes'), String(memoryBytes));
  writeIfThere(join(group, 'memory.memsw.limit_in_bytes'), String(memoryBytes));
}

function findHierarchy(mounts: string): Hierarchy {
  for (const line of mounts.split('\n')) {
    const [, mount = '', type, options = ''] = line.split(' ');
    if (!/^[\w./-]+$/.test(mount) || !isWritable(mount)) continue;
    if (type === 'cgroup' && options.split(',').includes('memory')) return { kind: 'v1', mount };
    if (type === 'cgroup2' && readOrEmpty(join(mount, 'cgroup.controllers')).split(/\s+/).includes('memory')) return { kind: 'v2', mount };
  }
  return nowhere;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function writeIfThere(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'r+' });
  } catch {
    // A kernel without swap accounting.
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
