import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { writeConfigFile } from '../context/config-file.js';

/** Where a coordinator listens, as it writes it once it serves. */
export interface Addresses {
  readonly control: string;
  readonly agents: string;
  /** Empty when it has no HTTP door. */
  readonly http: string;
}

const tailBytes = 64 * 1024;

/** The files of one `wo dev`. */
export class DevDirectory {
  readonly path: string;
  readonly coordinator: string;
  readonly lock: string;
  readonly log: string;
  readonly coordinatorProcess: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly #addresses: string;

  /** `path` is absolute. */
  constructor(path: string) {
    this.path = path;
    this.coordinator = join(path, 'coordinator');
    this.lock = join(path, 'dev.lock');
    this.log = join(path, 'coordinator.log');
    this.coordinatorProcess = join(path, 'coordinator.process.json');
    this.tokenFile = join(this.coordinator, 'operator.token');
    this.caFile = join(this.coordinator, 'ca', 'ca.crt');
    this.#addresses = join(this.coordinator, 'addresses.json');
  }

  async create(): Promise<void> {
    await mkdir(this.coordinator, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new WombatError('WO_STORE_UNUSABLE', `the directory ${this.path} cannot be used: ${(cause as Error).message}`, { hint: 'give another one: wo dev --dir DIRECTORY', cause });
    });
  }

  /** `undefined` until the coordinator serves. */
  async addresses(): Promise<Addresses | undefined> {
    try {
      const { control, agents, http = '' } = JSON.parse(await readFile(this.#addresses, 'utf8')) as Record<string, unknown>;
      return typeof control === 'string' && typeof agents === 'string' && typeof http === 'string' ? { control, agents, http } : undefined;
    } catch {
      return undefined;
    }
  }

  /** So that what is read afterwards was written by the next coordinator. */
  async forgetAddresses(): Promise<void> {
    await rm(this.#addresses, { force: true });
  }

  async hasCredentials(): Promise<boolean> {
    const sizes = await Promise.all([this.tokenFile, this.caFile].map((path) => stat(path).then(({ size }) => size, () => 0)));
    return sizes.every((size) => size > 0);
  }

  /** The context, with paths relative to the directory: it may be moved. */
  async writeContext(control: string): Promise<void> {
    const contexts = { dev: { address: control, tokenFile: 'coordinator/operator.token', caFile: 'coordinator/ca/ca.crt' } };
    await writeConfigFile({ path: join(this.path, 'config.toml'), current: 'dev', contexts });
  }

  /** The last lines that the coordinator has written behind `start`. */
  async logFrom(start: number): Promise<string[]> {
    const bytes = await readFile(this.log).catch(() => Buffer.alloc(0));
    return bytes.subarray(Math.max(start, bytes.length - tailBytes)).toString().trimEnd().split('\n');
  }
}
