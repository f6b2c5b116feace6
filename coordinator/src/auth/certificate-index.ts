import { WombatError, type Clock } from '@wombat/proto';
import type { HostCertificate } from '../domain/model/identity.js';
import type { Commit, Store } from '../store/store.js';
import { sha256Hex } from './digest.js';
import type { Identity } from './identity.js';

export type HostIdentity = Extract<Identity, { kind: 'host' }>;

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

/** The issued certificates by fingerprint, in memory, so that each call can be looked up without waiting. */
export class CertificateIndex {
  private readonly byFingerprint = new Map<string, HostCertificate>();
  private readonly listeners = new Set<(fingerprint: string, hostId: string) => void>();
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async load(): Promise<void> {
    this.stopListening ??= this.store.onCommit((commit) => this.apply(commit));
    for (const certificate of await this.store.read.hostCertificates.find({})) {
      const known = this.byFingerprint.get(certificate.id);
      // A commit that came while the rows were read is newer than they are.
      if (!known || known.revision < certificate.revision) this.byFingerprint.set(certificate.id, certificate);
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
      if (!certificate) this.byFingerprint.delete(change.id);
      else this.byFingerprint.set(change.id, certificate);
      if (certificate?.revokedAt !== undefined && before?.revokedAt === undefined) this.tell(certificate);
    }
  }

  private tell(certificate: HostCertificate): void {
    for (const listener of this.listeners) listener(certificate.id, certificate.hostId);
  }
}
