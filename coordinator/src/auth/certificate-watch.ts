import { WombatError, type Clock } from '@wombat/proto';
import type { HostCertificate } from '../domain/model/identity.js';
import type { Store, Transaction } from '../store/store.js';
import type { CertificateIndex } from './certificate-index.js';

export interface CertificateWatchOptions {
  readonly store: Store;
  readonly index: Pick<CertificateIndex, 'newestOfHosts'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** After the coordinator's own start agents come back, and renew what has ended meanwhile. @default 60 s */
  readonly startGraceMs?: number;
  /** @default 10 s */
  readonly lookEveryMs?: number;
}

/** Agents renew when a third of its life is left; who has not done so by then has missed it. */
const missedAtShareLeft = 0.3;

/** Tells of each host that should have renewed its certificate and has not, before it ends, once for each certificate. */
export class CertificateWatch {
  constructor(private readonly options: CertificateWatchOptions) {}

  /** Looks again and again, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, startGraceMs = 60_000, lookEveryMs = 10_000, onError } = this.options;
    await clock.sleep(startGraceMs, signal).catch(() => undefined);
    while (!signal.aborted) {
      await this.look().catch(onError);
      await clock.sleep(lookEveryMs, signal).catch(() => undefined);
    }
  }

  async look(): Promise<void> {
    const { index, store } = this.options;
    const missed = [...index.newestOfHosts()].filter((certificate) => this.isMissed(certificate));
    for (const { id } of missed) await store.transaction((transaction) => this.tell(transaction, id)).catch(unlessConflict);
  }

  private isMissed({ createdAt, notAfter, revokedAt, warnedAt }: HostCertificate): boolean {
    return revokedAt === undefined && warnedAt === undefined && notAfter - this.options.clock.now() < (notAfter - createdAt) * missedAtShareLeft;
  }

  private async tell(transaction: Transaction, id: string): Promise<void> {
    const certificate = await transaction.hostCertificates.get(id);
    if (!certificate || !this.isMissed(certificate)) return;
    const now = this.options.clock.now();
    await transaction.hostCertificates.update({ ...certificate, warnedAt: now });
    const host = await transaction.hosts.get(certificate.hostId);
    if (!host || host.desired === 'absent') return;
    const { notAfter } = certificate;
    const when = `${notAfter > now ? 'ends' : 'has ended'} at ${new Date(notAfter).toISOString()}`;
    await transaction.events.append({
      type: 'host.certificate-expiring', subjectId: host.id, subjectName: host.name, hostId: host.id, reason: 'not-renewed', payload: { notAfter }, payloadVersion: 1,
      message: `the agent of ${host.name} has not renewed its certificate, which ${when}: see whether it runs and reaches the coordinator`,
    });
  }
}

/** Somebody has changed the certificate in between: it is looked at again. */
function unlessConflict(error: unknown): void {
  if (!WombatError.is(error) || error.code !== 'WO_CONFLICT') throw error;
}
