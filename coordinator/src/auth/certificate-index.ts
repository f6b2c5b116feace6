import { WombatError, type Clock } from '@wombat/proto';
import type { HostCertificate } from '../domain/model/identity.js';
import type { Commit, Store } from '../store/store.js';
import { sha256Hex } from './digest.js';
import type { Identity } from './identity.js';

export type HostIdentity = Extract<Identity, { kind: 'host' }>;
export type LapsedIdentity = Extract<Identity, { kind: 'lapsed-host' }>;

/** Why a certificate is refused, in `details.reason` of WO_CERTIFICATE_REFUSED. */
export type CertificateRefusal = 'untrusted' | 'not-yet-valid' | 'expired' | 'unknown' | 'revoked';

const explanations: Readonly<Record<CertificateRefusal, string>> = {
  untrusted: 'it was not signed by the authority of this cluster for a host',
  'not-yet-valid': 'it is not valid yet: compare the clocks',
  expired: 'it has expired',
  unknown: 'this coordinator has no record of it',
  revoked: 'it was revoked',
};

export function certificateRefused(reason: CertificateRefusal): WombatError {
  return new WombatError('WO_CERTIFICATE_REFUSED', `the certificate is refused: ${explanations[reason]}`, { details: { reason } });
}

/** How long after its end a certificate still serves to get the next one. */
export const defaultRenewalGraceMs = 7 * 24 * 60 * 60 * 1000;

/** The issued certificates by fingerprint, in memory, so that each call can be looked up without waiting. */
export class CertificateIndex {
  private readonly byFingerprint = new Map<string, HostCertificate>();
  /** Of each host the one that lasts longest. */
  private readonly newest = new Map<string, HostCertificate>();
  private readonly listeners = new Set<(fingerprint: string, hostId: string) => void>();
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly renewalGraceMs = defaultRenewalGraceMs,
  ) {}

  async load(): Promise<void> {
    this.stopListening ??= this.store.onCommit((commit) => this.apply(commit));
    for (const certificate of await this.store.read.hostCertificates.find({})) {
      const known = this.byFingerprint.get(certificate.id);
      // A commit that came while the rows were read is newer than they are.
      if (!known || known.revision < certificate.revision) this.set(certificate);
    }
  }

  close(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }

  /** @throws WombatError WO_CERTIFICATE_REFUSED with the reason */
  identify(certificateDer: Uint8Array): HostIdentity {
    const fingerprint = sha256Hex(certificateDer);
    const refusal = this.refusalOf(fingerprint);
    if (refusal) throw certificateRefused(refusal);
    return { kind: 'host', hostId: this.byFingerprint.get(fingerprint)!.hostId, fingerprint };
  }

  /** Undefined: the certificate is good. */
  refusalOf(fingerprint: string): CertificateRefusal | undefined {
    const certificate = this.byFingerprint.get(fingerprint);
    if (!certificate) return 'unknown';
    if (certificate.revokedAt !== undefined) return 'revoked';
    return this.clock.now() >= certificate.notAfter ? 'expired' : undefined;
  }

  /**
   * Of a connection that began with a good certificate: it goes on with those that the host has got since then, so that a renewal
   * interrupts nothing. Undefined: it is good.
   */
  refusalOfConnection({ hostId, fingerprint }: Pick<HostIdentity, 'hostId' | 'fingerprint'>): CertificateRefusal | undefined {
    if (this.byFingerprint.get(fingerprint)?.revokedAt !== undefined) return 'revoked';
    const newest = this.newest.get(hostId);
    return newest ? this.refusalOf(newest.id) : 'unknown';
  }

  /** The host of a certificate that is out of its time, not revoked, and may still be renewed. */
  renewable(fingerprint: string): LapsedIdentity | undefined {
    const certificate = this.byFingerprint.get(fingerprint);
    if (!certificate || certificate.revokedAt !== undefined || this.clock.now() >= certificate.notAfter + this.renewalGraceMs) return undefined;
    return { kind: 'lapsed-host', hostId: certificate.hostId, fingerprint };
  }

  /** Of each host the certificate that lasts longest. */
  newestOfHosts(): IterableIterator<HostCertificate> {
    return this.newest.values();
  }

  /** Called for each certificate that is revoked while the coordinator runs. */
  onRevoked(listener: (fingerprint: string, hostId: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private apply(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.kind !== 'hostCertificates') continue;
      const certificate = change.object as HostCertificate | undefined;
      const before = this.byFingerprint.get(change.id);
      if (certificate) this.set(certificate);
      else if (before) this.delete(before);
      if (certificate?.revokedAt !== undefined && before?.revokedAt === undefined) this.tell(certificate);
    }
  }

  private set(certificate: HostCertificate): void {
    this.byFingerprint.set(certificate.id, certificate);
    const newest = this.newest.get(certificate.hostId);
    if (!newest || newest.id === certificate.id || newest.notAfter <= certificate.notAfter) this.newest.set(certificate.hostId, certificate);
  }

  private delete({ id, hostId }: HostCertificate): void {
    this.byFingerprint.delete(id);
    if (this.newest.get(hostId)?.id !== id) return;
    this.newest.delete(hostId);
    for (const other of this.byFingerprint.values()) if (other.hostId === hostId) this.set(other);
  }

  private tell(certificate: HostCertificate): void {
    for (const listener of this.listeners) listener(certificate.id, certificate.hostId);
  }
}
