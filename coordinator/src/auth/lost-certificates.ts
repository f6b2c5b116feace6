import { X509Certificate } from 'node:crypto';
import { isId, type Clock } from '@wombat/proto';
import type { Store, Transaction } from '../store/store.js';
import { backdatingMs } from './certificate-authority.js';
import { sha256Hex } from './digest.js';
import { lastRestore, type Restore } from './restored.js';
import { TokenBucket } from '../limits/token-bucket.js';

export interface LostCertificatesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly clusterId: string;
}

/** X.509 knows whole seconds only. */
const roundingMs = 1_000;
const hostsTold = 1_000;

/**
 * Certificates that were issued after the backup which the store was set up from: their records are lost, and their hosts run on.
 * Only the coordinator that was lost can have signed them, so they are recorded again, and the host comes in at its next try.
 */
export class LostCertificates {
  /** Signed by our authority or not, one host must not keep the store busy. */
  private readonly rate: TokenBucket;
  private readonly told = new Set<string>();

  constructor(private readonly options: LostCertificatesOptions) {
    this.rate = new TokenBucket(options.clock, { perSecond: 50, burst: 500 });
  }

  /** For a certificate that our authority has signed and the store has no record of. */
  async recover(certificateDer: Uint8Array, peer: string): Promise<void> {
    const { store, clusterId } = this.options;
    const restore = await lastRestore(store.read);
    if (!restore || !this.rate.tryTake()) return;
    const certificate = new X509Certificate(certificateDer);
    const hostId = hostIdOf(certificate, clusterId);
    if (hostId === undefined || !wasIssuedBetween(certificate, restore)) return;
    await store.transaction((transaction) => this.record(transaction, hostId, certificate, peer));
  }

  private async record(transaction: Transaction, hostId: string, certificate: X509Certificate, peer: string): Promise<void> {
    const host = await transaction.hosts.get(hostId);
    if (!host) return this.tell(transaction, hostId, peer);
    const fingerprint = sha256Hex(certificate.raw);
    const known = await transaction.hostCertificates.find({ hostId });
    if (host.desired === 'absent' || known.some((each) => each.id === fingerprint || each.revokedAt !== undefined)) return;
    await transaction.hostCertificates.insert({
      id: fingerprint, name: fingerprint, generation: 1, observedGeneration: 1, hostId, notAfter: new Date(certificate.validTo).getTime(),
    });
    await transaction.events.append({
      type: 'host.certificate-recovered', subjectId: hostId, subjectName: host.name, hostId, reason: 'recovered', payload: { source: peer },
      message: `${host.name} has a certificate that was issued after the backup which this store was set up from; it is good again`,
    });
  }

  /** Once for each host: it stays outside, and its nodes run on. */
  private async tell(transaction: Transaction, hostId: string, peer: string): Promise<void> {
    if (this.told.has(hostId) || this.told.size >= hostsTold) return;
    this.told.add(hostId);
    await transaction.events.append({
      type: 'host.unknown', subjectId: hostId, subjectName: hostId, hostId, reason: 'unknown-host', payload: { source: peer },
      message: `the host ${hostId} at ${peer} was made after the backup which this store was set up from; its nodes run on, and nobody drives them`,
    });
  }
}

function hostIdOf(certificate: X509Certificate, clusterId: string): string | undefined {
  const match = /(?:^|, )URI:wombat:\/\/([a-z0-9-]{1,64})\/host\/(host-[a-z2-7]{12})(?:,|$)/.exec(certificate.subjectAltName ?? '');
  return match?.[1] === clusterId && isId(match[2]!, 'host') ? match[2] : undefined;
}

function wasIssuedBetween(certificate: X509Certificate, { backupAt, restoredAt }: Restore): boolean {
  const issuedAt = new Date(certificate.validFrom).getTime() + backdatingMs;
  return issuedAt >= backupAt - roundingMs && issuedAt <= restoredAt;
}
