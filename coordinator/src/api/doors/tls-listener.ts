import { constants } from 'node:crypto';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import type { ServerKeyPair } from '../../auth/certificate-authority.js';
import type { ServerCertificate } from '../../auth/server-certificate.js';
import { formatAddress, type Address } from './address.js';
import { HandshakeTurns } from './handshake-turns.js';

/** An agent on a machine that is busy with much else may take long to say its part. */
const handshakeTimeoutMs = 15_000;
/** As many as Linux lets wait to be accepted, where nobody has changed that. */
const backlog = 4_096;
/** Three pings of the door: whoever lives has answered one. */
const silentTimeoutMs = 180_000;

export interface TlsListenerOptions {
  readonly certificate: ServerCertificate;
  /** PEM of the authorities whose client certificates are asked for and verified; none are asked for without it. */
  readonly clientAuthorities?: string;
  readonly log: Logger;
  readonly onConnection: (socket: TLSSocket) => void;
  /** A connection from which not one byte comes is cut after this, or soon after. @default 180 s */
  readonly silentTimeoutMs?: number;
}

/** A TLS 1.3 server for HTTP/2 whose certificate may change while it runs. It speaks no HTTP itself. */
export class TlsListener {
  private readonly tcp: TcpServer;
  private readonly turns: HandshakeTurns;
  private readonly server: Server;
  /** With what had been read of each at the last look. */
  private readonly sockets = new Map<TLSSocket, { bytes: number; sinceMs: number }>();
  private sweep: NodeJS.Timeout | undefined;
  private readonly stopRenewals: () => void;

  constructor(private readonly options: TlsListenerOptions) {
    const isAsking = options.clientAuthorities !== undefined;
    this.server = createServer({
      ...this.secrets(options.certificate.current),
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeTimeoutMs,
      // Who presents a certificate that does not verify is answered why, so the handshake lets it pass.
      requestCert: isAsking,
      rejectUnauthorized: false,
    });
    this.server.on('secureConnection', (socket) => {
      this.turns.ended();
      this.accept(socket);
    });
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      options.log.debug({ peer: socket.remoteAddress, code: error.code }, 'a TLS handshake failed');
      this.turns.ended();
      socket.destroy();
    });
    this.turns = new HandshakeTurns((socket) => this.server.emit('connection', socket));
    this.tcp = createTcpServer({ pauseOnConnect: true }, (socket) => this.turns.add(socket));
    this.stopRenewals = options.certificate.onRenewed((pair) => this.server.setSecureContext(this.secrets(pair)));
  }

  get connectionCount(): number {
    return this.sockets.size;
  }

  /**
   * Answers the address with the port that was chosen.
   * @throws WombatError WO_ADDRESS_IN_USE, WO_CONFIG_INVALID
   */
  listen(address: Address): Promise<Address> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(listenError(address, error));
      this.tcp.once('error', onError);
      this.tcp.listen({ port: address.port, host: address.host, backlog }, () => {
        this.tcp.off('error', onError);
        this.tcp.on('error', (error) => this.options.log.error({ err: error }, 'a listener failed'));
        const { silentTimeoutMs: silentMs = silentTimeoutMs } = this.options;
        this.sweep = setInterval(() => this.cutSilent(silentMs), silentMs / 6).unref();
        resolve({ host: address.host, port: (this.tcp.address() as AddressInfo).port });
      });
    });
  }

  /** Takes no more connections; those there are go on. */
  stopListening(): void {
    this.stopRenewals();
    clearInterval(this.sweep);
    this.tcp.close();
    this.turns.stop();
  }

  /** Resolves when the last connection has ended, or the signal fires. */
  async whenIdle(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      const check = (): void => {
        if (this.sockets.size === 0 || signal.aborted) resolve();
        else for (const socket of [...this.sockets.keys()].slice(0, 1)) socket.once('close', check);
      };
      check();
    });
  }

  destroyConnections(): void {
    for (const socket of this.sockets.keys()) socket.destroy();
  }

  private accept(socket: TLSSocket): void {
    // Without a listener an error of the socket would end the process; 'close' follows anyway.
    socket.on('error', () => undefined);
    if (socket.alpnProtocol !== 'h2') return void socket.destroy();
    this.sockets.set(socket, { bytes: 0, sinceMs: performance.now() });
    socket.once('close', () => this.sockets.delete(socket));
    socket.setNoDelay(true);
    this.options.onConnection(socket);
  }

  /**
   * Node notices no end of a connection once its HTTP/2 has been broken off for what was sent (a frame too long,
   * headers that cannot be read): it says nothing, reads nothing, and keeps the socket for ever.
   */
  private cutSilent(silentMs: number): void {
    const now = performance.now();
    for (const [socket, seen] of this.sockets) {
      const bytes = socket.bytesRead;
      if (bytes !== seen.bytes) this.sockets.set(socket, { bytes, sinceMs: now });
      else if (now - seen.sinceMs >= silentMs) socket.destroy();
    }
  }

  private secrets(pair: ServerKeyPair): { key: string; cert: string; ca?: string; minVersion: 'TLSv1.3'; secureOptions: number } {
    const { clientAuthorities } = this.options;
    return {
      key: pair.keyPem,
      cert: pair.chainPem,
      ...(clientAuthorities === undefined ? {} : { ca: clientAuthorities }),
      minVersion: 'TLSv1.3',
      // Resuming a session would skip the verification of the certificate, and tickets cost CPU. Node
      // keeps no sessions on the server either, so that none can be resumed.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  }
}

/** What a failure to listen is called. */
export function listenError(address: Address, error: NodeJS.ErrnoException): WombatError {
  const where = formatAddress(address);
  if (error.code === 'EADDRINUSE') return new WombatError('WO_ADDRESS_IN_USE', `another process listens on ${where}`, { cause: error });
  return new WombatError('WO_CONFIG_INVALID', `cannot listen on ${where}: ${error.code ?? error.message}`, { cause: error });
}
