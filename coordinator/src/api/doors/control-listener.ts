import { withDeadline } from '@wombat/proto';
import type { Logger } from 'pino';
import type { MethodTable } from '../../auth/method-table.js';
import type { OperatorGate } from '../../auth/operator-gate.js';
import type { Operators } from '../../auth/operators.js';
import type { ServerCertificate } from '../../auth/server-certificate.js';
import type { Service } from '../service.js';
import type { Address } from './address.js';
import { GrpcDoor, type LibraryService } from './grpc-door.js';
import { RunningCalls } from './running-calls.js';
import { TlsListener } from './tls-listener.js';

const admissionTimeoutMs = 10_000;
const maximumStreams = 1_000;

export interface ControlListenerOptions {
  readonly services: readonly Service[];
  /** Health and reflection. */
  readonly libraryServices?: readonly LibraryService[];
  readonly table: MethodTable;
  readonly operators: Operators;
  readonly gate: OperatorGate;
  readonly certificate: ServerCertificate;
  readonly log: Logger;
  /** A connection on which no operator has proved who he is by then is cut. @default 10 s */
  readonly admissionTimeoutMs?: number;
  /** @default 500 */
  readonly maximumCallsOfOneToken?: number;
}

/** The gRPC door of operators: TLS, a bearer token in each call. */
export class ControlListener {
  private readonly calls: RunningCalls;
  private readonly stopEnds: () => void;
  private readonly listener: TlsListener;
  private readonly door: GrpcDoor;
  /** Timers of connections that have not had an admitted call, by `address:port` of the other end. */
  private readonly unproved = new Map<string, NodeJS.Timeout>();

  constructor(options: ControlListenerOptions) {
    this.calls = new RunningCalls(options.maximumCallsOfOneToken);
    this.stopEnds = options.operators.onEnded((token, reason) => this.calls.endOf(token, reason));
    this.door = new GrpcDoor({
      services: options.services,
      libraryServices: options.libraryServices ?? [],
      table: options.table,
      identify: ({ metadata, peer }) => {
        const headers = metadata.get('authorization');
        return options.gate.admit(headers.length === 1 ? String(headers[0]) : undefined, peer);
      },
      calls: this.calls,
      log: options.log,
      maximumStreams,
      onAdmitted: (peer) => this.prove(peer),
    });
    this.listener = new TlsListener({
      certificate: options.certificate,
      log: options.log,
      onConnection: (socket) => {
        const peer = `${socket.remoteAddress}:${socket.remotePort}`;
        this.unproved.set(peer, setTimeout(() => socket.destroy(), options.admissionTimeoutMs ?? admissionTimeoutMs));
        socket.once('close', () => this.prove(peer));
        this.door.serve(socket);
      },
    });
  }

  /** @throws WombatError WO_ADDRESS_IN_USE */
  listen(address: Address): Promise<Address> {
    return this.listener.listen(address);
  }

  /** Ends every call with WO_UNAVAILABLE; what has not gone after `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.stopEnds();
    this.listener.stopListening();
    this.calls.stop();
    this.door.drain(graceMs);
    await this.listener.whenIdle(withDeadline(graceMs, 'closing the control listener'));
    this.listener.destroyConnections();
    this.door.destroy();
  }

  private prove(peer: string): void {
    clearTimeout(this.unproved.get(peer));
    this.unproved.delete(peer);
  }
}
