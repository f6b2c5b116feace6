import type { TLSSocket } from 'node:tls';
import { WombatError, withDeadline } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CertificateAuthority } from '../../auth/certificate-authority.js';
import { certificateRefused, type CertificateIndex, type CertificateRefusal, type HostIdentity, type LapsedIdentity } from '../../auth/certificate-index.js';
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
 * to one of four doors:
 *
 *   certificate of a host    -> all calls that the table admits for hosts, looked up again at each call
 *   one of ours out of time  -> what the table admits for it (RenewCertificate), for 10 s
 *   none                     -> what the table admits for anyone (Enrol), for 10 s
 *   any other certificate    -> every call is answered with the reason, and the connection is cut
 */
export class AgentsListener {
  private readonly calls = new RunningCalls();
  private readonly listener: TlsListener;
  private readonly hosts: GrpcDoor;
  private readonly strangers: GrpcDoor;
  private readonly lapsed: GrpcDoor;
  private readonly refused = new Map<CertificateRefusal, GrpcDoor>();
  private readonly byFingerprint = new Map<string, { readonly hostId: string; readonly sockets: Set<TLSSocket> }>();
  /** Of each connection, by `address:port`: grpc-js keeps to itself a certificate that OpenSSL finds out of its time. */
  private readonly byPeer = new Map<string, HostIdentity | LapsedIdentity>();
  private readonly stopRevocations: () => void;
  private sweep: NodeJS.Timeout | undefined;

  constructor(private readonly options: AgentsListenerOptions) {
    this.hosts = this.makeDoor(maximumStreams.host, (caller) => this.identifyHost(caller));
    this.strangers = this.makeDoor(maximumStreams.stranger, () => ({ kind: 'none' }));
    this.lapsed = this.makeDoor(maximumStreams.stranger, (caller) => this.identifyLapsed(caller));
    this.listener = new TlsListener({
      certificate: options.certificate,
      clientAuthorities: options.authority.trustedPem,
      log: options.log,
      onConnection: (socket) => this.route(socket),
      ...(options.silentTimeoutMs === undefined ? {} : { silentTimeoutMs: options.silentTimeoutMs }),
    });
    this.stopRevocations = options.index.onRevoked((_, hostId) => this.cutRefused(hostId));
  }

  /** @throws WombatError WO_ADDRESS_IN_USE */
  listen(address: Address): Promise<Address> {
    this.sweep ??= setInterval(() => this.cutRefused(), this.options.sweepIntervalMs ?? sweepIntervalMs).unref();
    return this.listener.listen(address);
  }

  /** Ends every call with WO_UNAVAILABLE; what has not gone after `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.stopRevocations();
    clearInterval(this.sweep);
    this.listener.stopListening();
    this.calls.stop();
    const doors = [this.hosts, this.strangers, this.lapsed, ...this.refused.values()];
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
    // The bytes alone: to take the certificate apart as well costs 0.2 ms.
    const der = socket.getPeerX509Certificate()?.raw;
    if (!der) return this.serveFor(this.strangers, socket, this.options.strangerTimeoutMs ?? strangerTimeoutMs);
    const judged = this.judge(socket, der);
    if (typeof judged === 'string') {
      this.options.log.warn({ peer: socket.remoteAddress, reason: judged }, 'a client certificate was refused');
      if (judged === 'unknown') this.options.onUnknown?.(der, socket.remoteAddress ?? '');
      return this.serveFor(this.refusedDoor(judged), socket, refusedTimeoutMs);
    }
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.byPeer.set(peer, judged);
    socket.once('close', () => this.byPeer.delete(peer));
    if (judged.kind === 'lapsed-host') return this.serveFor(this.lapsed, socket, this.options.strangerTimeoutMs ?? strangerTimeoutMs);
    this.remember(judged, socket);
    this.hosts.serve(socket);
  }

  /**
   * A certificate that the index has is one of ours, and the index says whether it is in its time: the clock of the machine, by which
   * OpenSSL goes, may have been set. One that is out of its time may be renewed.
   */
  private judge(socket: TLSSocket, der: Buffer): HostIdentity | LapsedIdentity | CertificateRefusal {
    const { index } = this.options;
    const fingerprint = sha256Hex(der);
    const byTls = socket.authorized ? undefined : refusalOf(socket.authorizationError);
    if (byTls === 'untrusted') return byTls;
    const refusal = index.refusalOf(fingerprint);
    if (refusal === undefined) return index.identify(der);
    if (refusal === 'unknown') return byTls ?? refusal;
    return refusal === 'expired' ? (index.renewable(fingerprint) ?? refusal) : refusal;
  }

  /** At each call: the host may have been revoked, or its last certificate have ended, since the connection began. */
  private identifyHost({ peer }: Caller): Identity {
    const identity = this.byPeer.get(peer);
    if (identity?.kind !== 'host') throw new WombatError('WO_UNAUTHENTICATED', 'the connection has ended');
    const refusal = this.options.index.refusalOfConnection(identity);
    if (refusal) throw certificateRefused(refusal);
    return identity;
  }

  private identifyLapsed({ peer }: Caller): Identity {
    const identity = this.options.index.renewable(this.byPeer.get(peer)?.fingerprint ?? '');
    if (!identity) throw certificateRefused('expired');
    return identity;
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

  private remember({ fingerprint, hostId }: HostIdentity, socket: TLSSocket): void {
    const connection = this.byFingerprint.get(fingerprint) ?? { hostId, sockets: new Set<TLSSocket>() };
    const { sockets } = connection;
    this.byFingerprint.set(fingerprint, connection);
    sockets.add(socket);
    // The oldest goes: of an agent that lives it is one that broke.
    if (sockets.size > maximumConnections) for (const oldest of [...sockets].slice(0, 1)) oldest.destroy();
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.byFingerprint.get(fingerprint) === connection) this.byFingerprint.delete(fingerprint);
    });
  }

  /** Of one host, or of all. A host with another certificate comes back at once. */
  private cutRefused(ofHost?: string): void {
    for (const [fingerprint, { hostId, sockets }] of this.byFingerprint) {
      if (ofHost !== undefined && ofHost !== hostId) continue;
      const reason = this.options.index.refusalOfConnection({ fingerprint, hostId });
      if (reason === undefined) continue;
      this.options.log.warn({ hostId, reason }, 'the certificate of a connected host is no longer good: its connections are cut');
      for (const socket of sockets) socket.destroy();
    }
  }
}

/** What Node (OpenSSL) calls it; its type says Error, its value is the name. */
function refusalOf(authorizationError: unknown): CertificateRefusal {
  const name = authorizationError instanceof Error ? authorizationError.message : String(authorizationError);
  if (name === 'CERT_HAS_EXPIRED') return 'expired';
  return name === 'CERT_NOT_YET_VALID' ? 'not-yet-valid' : 'untrusted';
}
