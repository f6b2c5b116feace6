import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * Passes bytes on, and breaks connections as a network does: both ends hear of it. Destroying a socket in the process that has an HTTP/2
 * session on it can crash Node 20 (Http2Session::OnStreamAfterWrite).
 */
export class PlainRelay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: () => number) {
    this.#server = createServer((near) => {
      const far = connect(target(), '127.0.0.1');
      for (const [socket, other] of [[near, far], [far, near]] as const) {
        this.#sockets.add(socket.setNoDelay(true).on('error', () => undefined));
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
      near.pipe(far);
      far.pipe(near);
    });
  }

  /** To a port of this machine; 0: on any port. */
  static async start(target: () => number, port = 0): Promise<PlainRelay> {
    const relay = new PlainRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(port, '127.0.0.1', resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections stay open, and nothing is passed on any more. */
  fallSilent(): void {
    for (const socket of this.#sockets) socket.unpipe().resume();
  }

  /** Cuts all, and takes no more. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}
