import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProviderError, z } from '@wombat/plugin-sdk';
import type { Target } from './inventory.js';

const record = z.object({
  /** Tags of the host that it was meant for, or seen to be; undefined: it has none of this cluster. */
  host: z.object({ tags: z.record(z.string(), z.string()), createdAt: z.number().optional() }).optional(),
});

const file = z.object({ version: z.literal(1), machines: z.record(z.string(), record) });

export type MachineRecord = z.output<typeof record>;

/**
 * What is known of each machine for the time that it cannot be asked: what was seen there last, or meant to be done.
 * The machines themselves are the truth.
 */
export class Records {
  readonly #path: string;
  readonly #directory: string;
  readonly #machines: Map<string, MachineRecord>;
  readonly #claimed = new Set<string>();
  #written: Promise<void> = Promise.resolve();

  /** @throws ProviderError unavailable when the file is there and cannot be read */
  static async open(directory: string): Promise<Records> {
    const path = join(directory, 'machines.json');
    try {
      const { machines } = file.parse(JSON.parse(await readFile(path, 'utf8')));
      return new Records(directory, path, new Map(Object.entries(machines)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Records(directory, path, new Map());
      throw ProviderError.unavailable(`${path} cannot be read: ${(error as Error).message.split('\n')[0]}`, error);
    }
  }

  private constructor(directory: string, path: string, machines: Map<string, MachineRecord>) {
    this.#directory = directory;
    this.#path = path;
    this.#machines = machines;
  }

  /** Undefined: it was never seen, and nothing was meant for it. */
  get(name: string): MachineRecord | undefined {
    return this.#machines.get(name);
  }

  /** Names of the machines of hosts that a judge picks. */
  find(isMeant: (tags: Readonly<Record<string, string>>) => boolean): string | undefined {
    return [...this.#machines].find(([, { host }]) => host && isMeant(host.tags))?.[0];
  }

  /** Whether some creation is about to change what is on it, so that what is seen there says nothing. */
  isClaimed(name: string): boolean {
    return this.#claimed.has(name);
  }

  /** For the time of some work. */
  async claim<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#claimed.add(name);
    try {
      return await work();
    } finally {
      this.#claimed.delete(name);
    }
  }

  /** Resolves when it is on disk. */
  async set(name: string, known: MachineRecord): Promise<void> {
    if (JSON.stringify(this.#machines.get(name)) === JSON.stringify(known)) return await this.#written;
    this.#machines.set(name, known);
    await this.#write();
  }

  /** Those that are in the inventory no more are forgotten. */
  async keep(targets: readonly Target[]): Promise<void> {
    const names = new Set(targets.map(({ name }) => name));
    const gone = [...this.#machines.keys()].filter((name) => !names.has(name));
    if (gone.length === 0) return;
    for (const name of gone) this.#machines.delete(name);
    await this.#write();
  }

  /** One after another; each writes what is known when its turn comes. */
  async #write(): Promise<void> {
    const write = async (): Promise<void> => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeFile(`${this.#path}.new`, `${JSON.stringify({ version: 1, machines: Object.fromEntries(this.#machines) })}\n`, { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    };
    this.#written = this.#written.catch(() => undefined).then(write);
    await this.#written;
  }
}
