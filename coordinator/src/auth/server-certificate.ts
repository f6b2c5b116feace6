import { backoffMs, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CertificateAuthority, ServerKeyPair } from './certificate-authority.js';

const retry = { initialMs: 1_000, maximumMs: 60_000 };

export interface ServerCertificateOptions {
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly log: Logger;
  /** DNS names and addresses under which others reach the coordinator. */
  readonly advertisedNames?: readonly string[];
  /** @default 7 days */
  readonly lifetimeMs?: number;
}

/** The coordinator's own certificate: a new key at each start, renewed at two thirds of its life. */
export class ServerCertificate {
  private readonly listeners = new Set<(pair: ServerKeyPair) => void>();

  private constructor(
    private readonly options: ServerCertificateOptions,
    private pair: ServerKeyPair,
    private issuedAt: number,
  ) {}

  static async issue(options: ServerCertificateOptions): Promise<ServerCertificate> {
    return new ServerCertificate(options, await newPair(options), options.clock.now());
  }

  get current(): ServerKeyPair {
    return this.pair;
  }

  /** Connections that are open keep the certificate that they began with. */
  onRenewed(listener: (pair: ServerKeyPair) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async renew(): Promise<void> {
    this.pair = await newPair(this.options);
    this.issuedAt = this.options.clock.now();
    for (const listener of this.listeners) listener(this.pair);
  }

  /** Renews until the signal fires, and then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      const dueInMs = this.issuedAt + ((this.pair.notAfter - this.issuedAt) * 2) / 3 - clock.now();
      const waitMs = failures > 0 ? backoffMs(failures - 1, retry) : Math.min(Math.max(dueInMs, 0), 24 * 60 * 60 * 1000);
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted || (failures === 0 && waitMs < dueInMs)) continue;
      try {
        await this.renew();
        failures = 0;
        log.info({ notAfter: new Date(this.pair.notAfter).toISOString() }, 'the certificate of the coordinator was renewed');
      } catch (error) {
        failures += 1;
        log.error({ err: error }, 'the certificate of the coordinator could not be renewed');
      }
    }
  }
}

function newPair(options: ServerCertificateOptions): Promise<ServerKeyPair> {
  return options.authority.issueServerKeyPair(options.advertisedNames, options.lifetimeMs);
}
