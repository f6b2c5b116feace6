import { presentHostPhases } from '../domain/states/host-states.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Kind, Store, Transaction } from '../store/store.js';
import { Retention, type RetentionOptions } from './retention.js';

export interface HistoryRetentionOptions extends RetentionOptions {
  /** What is over is kept this long after its last change. */
  readonly keepMs: number;
  /** Certificates are kept this long after their end in any case: they can still be renewed. @default 0 */
  readonly renewalGraceMs?: number;
}

const portion = 100;

/** Drops what is over: operations, tokens, certificates, gone nodes and hosts, remembered requests. Never what something present still names. */
export class HistoryRetention extends Retention {
  readonly #options: HistoryRetentionOptions;

  constructor(options: HistoryRetentionOptions) {
    super(options, { everyMs: 10 * 60_000, portion });
    this.#options = options;
  }

  /** Everything that is over by now, in small portions. */
  async prune(): Promise<void> {
    const { store, clock, keepMs, renewalGraceMs = 0 } = this.#options;
    const now = clock.now();
    const before = now - keepMs;
    await this.repeat(() => store.transaction((transaction) => transaction.requests.dropExpired(now, portion)));
    await this.#sweep('joinTokens', {}, before, (id) => this.#drop('joinTokens', id, async (transaction) => {
      const token = await transaction.joinTokens.get(id);
      return token !== undefined && (token.usedAt !== undefined || token.revokedAt !== undefined || token.expiresAt < before);
    }));
    await this.#sweep('hostCertificates', {}, before, (id) => this.#drop('hostCertificates', id, async (transaction) => ((await transaction.hostCertificates.get(id))?.notAfter ?? now) < Math.min(before, now - renewalGraceMs)));
    await this.#sweep('nodes', { phase: 'gone' }, before, (id) => this.#drop('nodes', id));
    await this.#sweep('hosts', { phase: 'gone' }, before, (id) => this.#drop('hosts', id, async (transaction) => (await dependants(transaction, id)) === 0));
    await this.#dropOperations(before);
  }

  /** A node or host that is there tells which operation changed it last. */
  async #dropOperations(before: number): Promise<void> {
    const { store } = this.#options;
    const ofHosts = new Set((await store.read.hosts.find({ phase: presentHostPhases })).map(({ operationId }) => operationId));
    await this.#sweep('operations', { state: ['succeeded', 'failed', 'partial', 'cancelled'] }, before, (id) =>
      this.#drop('operations', id, async (transaction) => !ofHosts.has(id) && (await transaction.nodes.count({ operationId: id, phase: presentPhases })) === 0));
  }

  async #drop(kind: Kind, id: string, isOver: (transaction: Transaction) => Promise<boolean> = async () => true): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      if (await isOver(transaction)) await transaction[kind].delete(id);
    });
  }

  /** Goes over all ids once, whether or not each is dropped. */
  async #sweep<K extends Kind>(kind: K, where: Parameters<Store['read'][K]['stale']>[0], before: number, drop: (id: string) => Promise<void>): Promise<void> {
    let after = '';
    await this.repeat(async () => {
      const ids = await this.#options.store.read[kind].stale(where as never, before, portion, after);
      for (const id of ids) if (!this.isStopped()) await drop(id);
      after = ids.at(-1) ?? after;
      return ids.length;
    });
  }
}

async function dependants(transaction: Transaction, hostId: string): Promise<number> {
  return (await transaction.nodes.count({ hostId })) + (await transaction.joinTokens.count({ hostId })) + (await transaction.hostCertificates.count({ hostId }));
}
