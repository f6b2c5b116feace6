import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { WantedPackage } from '../domain/model/agent-update.js';

/** What a machine of one kind installs. */
export interface AgentPackage {
  /** "x64", "arm64" */
  readonly arch: string;
  readonly sha256: string;
  readonly name: string;
}

export interface OpenPackage {
  readonly sizeBytes: number;
  readonly content: Readable;
}

/** As scripts/package-agent.js names them: what a name stands for never changes. */
const packageName = /^wombat-agent-linux-(x64|arm64)-([0-9a-f]{64})\.tar\.gz$/;

/** The packages of the agent in one directory. They may be put there while the coordinator runs. */
export class AgentPackages {
  constructor(private readonly directory: string) {}

  async list(): Promise<readonly AgentPackage[]> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.sort().flatMap((name) => {
      const [, arch, sha256] = packageName.exec(name) ?? [];
      return arch === undefined || sha256 === undefined ? [] : [{ arch, sha256, name }];
    });
  }

  /** By architecture, with their sizes in bytes. */
  async wanted(): Promise<Readonly<Record<string, WantedPackage>>> {
    const all = await Promise.all((await this.list()).map(async ({ arch, sha256, name }) => [arch, { sha256, sizeBytes: (await stat(join(this.directory, name))).size }] as const));
    return Object.fromEntries(all);
  }

  /** From `offset` on. Undefined: there is none of this digest. */
  async openDigest(sha256: string, offset: number): Promise<OpenPackage | undefined> {
    const found = (await this.list()).find((each) => each.sha256 === sha256);
    return found && this.open(found.name, offset);
  }

  /** Undefined: there is none of this name. */
  async open(name: string, offset = 0): Promise<OpenPackage | undefined> {
    if (!packageName.test(name)) return undefined;
    const file = await open(join(this.directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) return undefined;
    const { size } = await file.stat();
    return { sizeBytes: size, content: file.createReadStream({ start: offset }) };
  }
}
