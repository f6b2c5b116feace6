import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';

/** Stands between a client and a server, and cuts the connection at a word that passes by, or lets nothing more pass. */
export class CuttingRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isFrozen = false;
  #wanted: { readonly word: string; readonly what: 'question' | 'answer' } | undefined;
  cuts = 0;

  static async start(test: Pick<Test, 'teardown'>, port: number): Promise<CuttingRelay> {
    const relay = new CuttingRelay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    test.teardown(() => relay.#close());
    return relay;
  }

  private constructor(port: number) {
    this.#server = createServer((client) => this.#join(client, connect(port, '127.0.0.1')));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next question with the word does not arrive, or it does and is not answered. */
  cutAt(word: string, what: 'question' | 'answer'): void {
    this.#wanted = { word, what };
  }

  /** Connections that there are carry nothing more, and neither end hears that the other has gone. */
  freeze(): void {
    for (const socket of this.#sockets) socket.removeAllListeners('data').removeAllListeners('close').pause();
    this.#isFrozen = true;
  }

  /** New ones do again. */
  thaw(): void {
    this.#isFrozen = false;
  }

  #join(client: Socket, server: Socket): void {
    if (this.#isFrozen) {
      client.destroy();
      server.destroy();
      return;
    }
    let isUnheard = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (this.#sockets.delete(socket), client.destroy(), server.destroy()));
    }
    const cut = (): void => {
      this.cuts += 1;
      client.destroy();
      server.destroy();
    };
    client.on('data', (data) => {
      const meant = this.#wanted && data.includes(this.#wanted.word) ? this.#wanted : undefined;
      if (meant) this.#wanted = undefined;
      if (meant?.what === 'question') return cut();
      isUnheard ||= meant !== undefined;
      server.write(data);
    });
    server.on('data', (data) => (isUnheard ? cut() : client.write(data)));
  }

  #close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
