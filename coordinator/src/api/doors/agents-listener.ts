import type { TLSSocket } from 'node:tls';
import { WombatError, withDeadline } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CertificateAuthority } from '../../auth/certificate-authority.js';
import { certificateRefused, type CertificateIndex, type CertificateRefusal, type HostIdentity } from '../../auth/certificate-index.js';
import { sha256Hex } from '../../auth/digest.js';
import type { Identity } from '../../auth/identity.js';
import type { MethodTable } from '../../auth/method-table.js';
import type { ServerCertificate } from '../../auth/server-certificate.js';
import type { Service } from '../service.js';
import type { Address } from './address.js';
import { GrpcDoor, type Caller } from './grpc-door.js';
import { RunningCalls } from './running-calls.js';
import { TlsListener } from './tls-listener.js';

const strangerTimeoutMs = 10_000;
const sweepIntervalMs = 60_000;
/** Enough for a refused agent to read why. */
const refusedTimeoutMs = 2_000;
const maximumStreams = { host: 500, stranger: 4 };
/** Of one certificate. An agent has one, and for moments two or three. */
const maximumConnections = 16;

export interface AgentsListenerOptions {
  readonly services: readonly Service[];
  readonly table: MethodTable;
  readonly authority: CertificateAuthority;
  readonly index: CertificateIndex;
  readonly certificate: ServerCertificate;
  readonly log: Logger;
  /** Told of each certificate that the authority has signed and nobody has a record of. */
  readonly onUnknown?: (certificateDer: Uint8Array, peer: string) => void;
  /** A connection without a certificate is cut after this. Enrolling takes one call. @default 10 s */
  readonly strangerTimeoutMs?: number;
  /** See TlsListener. */
  readonly silentTimeoutMs?: number;
  /** How often connections whose certificate has ended are looked for. @default 60 s */
  readonly sweepIntervalMs?: number;
}

/**
 * The gRPC door of agents. A client certificate is asked for, not insisted on; each connection goes
 * to one of three doors:
 *
 *   certificate of a host    -> all calls that the table admits for hosts, looked up again at each call
 *   none                     -> what the table admits for anyone (Enrol), for 10 s
 *   any other certificate    -> every call is answered with the reason, and the connection is cut
 */
export class AgentsListener {
  private readonly calls = new RunningCalls();
  private readonly listener: TlsListener;
  private readonly hosts: GrpcDoor;
  private readonly strangers: GrpcDoor;
  private readonly refused = new Map<CertificateRefusal, GrpcDoor>();
  private readonly byFingerprint = new Map<string, Set<TLSSocket>>();
  private readonly stopRevocations: () => void;
  private sweep: NodeJS.Timeout | undefined;

  constructor(private readonly options: AgentsListenerOptions) {
    this.hosts = this.makeDoor(maximumStreams.host, (caller) => this.identifyHost(caller));
    this.strangers = this.makeDoor(maximumStreams.stranger, () => ({ kind: 'none' }));
    this.listener = new TlsListener({
      certificate: options.certificate,
      clientAuthorities: options.authority.trustedPem,
      log: options.log,
      onConnection: (socket) => this.route(socket),
      ...(options.silentTimeoutMs === undefined ? {} : { silentTimeoutMs: options.silentTimeoutMs }),
    });
    this.stopRevocations = options.index.onRevoked((fingerprint) => this.cutIfRefused(fingerprint));
  }

  /** @throws WombatError WO_ADDRESS_IN_USE */
  listen(address: Address): Promise<Address> {
    const sweep = (): void => [...this.byFingerprint.keys()].forEach((fingerprint) => this.cutIfRefused(fingerprint));
    this.sweep ??= setInterval(sweep, this.options.sweepIntervalMs ?? sweepIntervalMs).unref();
    return this.listener.listen(address);
  }

  /** Ends every call with WO_UNAVAILABLE; what has not gone after `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.stopRevocations();
    clearInterval(this.sweep);
    this.listener.stopListening();
    this.calls.stop();
    const doors = [this.hosts, this.strangers, ...this.refused.values()];
    for (const door of doors) door.drain(graceMs);
    await this.listener.whenIdle(withDeadline(graceMs, 'closing the agents listener'));
    this.listener.destroyConnections();
    for (const door of doors) door.destroy();
  }

  private makeDoor(streams: number, identify: (caller: Caller) => Identity): GrpcDoor {
    const { services, table, log } = this.options;
    return new GrpcDoor({ services, table, identify, calls: this.calls, log, maximumStreams: streams });
  }

  private route(socket: TLSSocket): void {
    const certificate = socket.getPeerCertificate();
    // Without a certificate Node answers an empty object.
    const der = Object.keys(certificate ?? {}).length > 0 ? certificate.raw : undefined;
    if (!der) return this.serveFor(this.strangers, socket, this.options.strangerTimeoutMs ?? strangerTimeoutMs);
    const judged = this.judge(socket, der);
    if (typeof judged === 'string') {
      this.options.log.warn({ peer: socket.remoteAddress, reason: judged }, 'a client certificate was refused');
      if (judged === 'unknown') this.options.onUnknown?.(der, socket.remoteAddress ?? '');
      return this.serveFor(this.refusedDoor(judged), socket, refusedTimeoutMs);
    }
    this.remember(judged.fingerprint, socket);
    this.hosts.serve(socket);
  }

  private judge(socket: TLSSocket, der: Buffer): HostIdentity | CertificateRefusal {
    if (!socket.authorized) return refusalOf(socket.authorizationError);
    return this.options.index.refusalOf(sha256Hex(der)) ?? this.options.index.identify(der);
  }

  /** At each call: the certificate may have been revoked or have ended since the connection began. */
  private identifyHost(caller: Caller): Identity {
    if (!caller.certificateDer) throw new WombatError('WO_UNAUTHENTICATED', 'the connection has ended');
    return this.options.index.identify(caller.certificateDer);
  }

  private refusedDoor(reason: CertificateRefusal): GrpcDoor {
    let door = this.refused.get(reason);
    if (!door) {
      door = this.makeDoor(maximumStreams.stranger, () => {
        throw certificateRefused(reason);
      });
      this.refused.set(reason, door);
    }
    return door;
  }

  private serveFor(door: GrpcDoor, socket: TLSSocket, timeoutMs: number): void {
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.once('close', () => clearTimeout(timer));
    door.serve(socket);
  }

  private remember(fingerprint: string, socket: TLSSocket): void {
    const sockets = this.byFingerprint.get(fingerprint) ?? new Set();
    this.byFingerprint.set(fingerprint, sockets.add(socket));
    // The oldest goes: of an agent that lives it is one that broke.
    if (sockets.size > maximumConnections) for (const oldest of [...sockets].slice(0, 1)) oldest.destroy();
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.byFingerprint.get(fingerprint) === sockets) this.byFingerprint.delete(fingerprint);
    });
  }

  /** A host with another certificate comes back at once. */
  private cutIfRefused(fingerprint: string): void {
    const reason = this.options.index.refusalOf(fingerprint);
    const sockets = this.byFingerprint.get(fingerprint);
    if (reason === undefined || !sockets) return;
    this.options.log.warn({ fingerprint, reason }, 'the certificate of a connected host is no longer good: its connections are cut');
    for (const socket of sockets) socket.destroy();
  }
}

/** What Node (OpenSSL) calls it; its type says Error, its value is the name. */
function refusalOf(authorizationError: unknown): CertificateRefusal {
  const name = authorizationError instanceof Error ? authorizationError.message : String(authorizationError);
  if (name === 'CERT_HAS_EXPIRED') return 'expired';
  return name === 'CERT_NOT_YET_VALID' ? 'not-yet-valid' : 'untrusted';
}
