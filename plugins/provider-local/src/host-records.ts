import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, z, type PluginLog } from '@wombat/plugin-sdk';
import { writeByRename } from './files.js';

const recordSchema = z.object({
  version: z.literal(1),
  key: z.string(),
  hostId: z.string().refine((text): boolean => isId(text, 'host')),
  address: z.string(),
  tags: z.record(z.string(), z.string()),
  /** Flags of the agent for its labels. */
  labels: z.array(z.string()),
  createdAt: z.number(),
  /** `absent`: it is being destroyed, and is never started again. */
  desired: z.enum(['present', 'absent']),
  /** The agent's program; empty before the first start. */
  argv: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  /** Of the last start; unset between the intent and the start. */
  pid: z.number().int().optional(),
  startTime: z.string().optional(),
});

/** What is known of a host, written before and after everything that is done to it. */
export type HostRecord = Readonly<z.infer<typeof recordSchema>>;

/** The hosts of one provider: a file each, held in memory. */
export class HostRecords {
  readonly #directory: string;
  readonly #records = new Map<string, HostRecord>();

  constructor(dataDirectory: string) {
    this.#directory = join(dataDirectory, 'records');
  }

  /** Files that cannot be read are left where they are and told. */
  async load(log: PluginLog): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const file of await readdir(this.#directory)) {
      if (!file.endsWith('.json')) continue;
      try {
        const record = recordSchema.parse(JSON.parse(await readFile(join(this.#directory, file), 'utf8')));
        this.#records.set(record.hostId, record as HostRecord);
      } catch (error) {
        log.error('the record of a host cannot be read', { file, error });
      }
    }
  }

  all(): readonly HostRecord[] {
    return [...this.#records.values()];
  }

  get(hostId: string): HostRecord | undefined {
    return this.#records.get(hostId);
  }

  withKey(key: string): HostRecord | undefined {
    return this.all().find((record) => record.key === key);
  }

  /** Known in memory at once: two hosts that are made at the same time never get one address. */
  async save(record: HostRecord): Promise<HostRecord> {
    this.#records.set(record.hostId, record);
    await writeByRename(this.#path(record.hostId), `${JSON.stringify(record, undefined, 2)}\n`);
    return record;
  }

  async remove(hostId: string): Promise<void> {
    await rm(this.#path(hostId), { force: true });
    this.#records.delete(hostId);
  }

  #path(hostId: string): string {
    return join(this.#directory, `${hostId}.json`);
  }
}
