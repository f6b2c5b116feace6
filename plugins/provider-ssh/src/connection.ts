import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import ssh2, { type Algorithms, type Client, type ClientChannel, type ServerHostKeyAlgorithm } from 'ssh2';
import { ProviderError } from '@wombat/plugin-sdk';
import type { Proof } from './credentials.js';
import { distrust, presentedKey } from './host-key.js';
import { describeTarget, type Target } from './inventory.js';
import { connectionError } from './ssh-error.js';

const openTimeoutMs = 10_000;
/** A machine that went away without a word is noticed after three of these. */
const keepaliveIntervalMs = 10_000;

/** How keys of a kind may sign, the strongest first; others sign as they are named. */
const algorithmsOf: Readonly<Record<string, readonly string[]>> = { 'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'] };

/** A program that runs on a machine. */
export interface Remote {
  readonly channel: ClientChannel;
  /** What it has ended with; a machine that is lost does not say. */
  exitCode(): number | undefined;
}

/** One connection to a machine; any number of channels at once. */
export class Connection {
  readonly #client: Client;
  readonly #who: string;

  /**
   * Logs in, and answers when that is done; nothing is sent to a machine whose host key is not the pinned one.
   *
   * @param enter waits for its turn at the costly part, and answers what ends the turn; a machine that does not answer has none
   * @throws ProviderError auth, throttled or unavailable
   */
  static async open(target: Target, proof: Proof, enter: () => Promise<() => void>): Promise<Connection> {
    let socket: Socket | undefined;
    let leave: (() => void) | undefined;
    try {
      socket = await reach(target);
      leave = await enter();
      if (socket.destroyed) throw new Error('connection lost before handshake');
      return new Connection(await logIn(target, proof, socket), describeTarget(target));
    } catch (error) {
      socket?.destroy();
      throw ProviderError.is(error) ? error : connectionError(describeTarget(target), target.user, error as Error);
    } finally {
      leave?.();
    }
  }

  private constructor(client: Client, who: string) {
    this.#client = client;
    this.#who = who;
  }

  /** @throws ProviderError unavailable; nothing has run then */
  async exec(command: string): Promise<Remote> {
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(ProviderError.unavailable(`${this.#who}: ${why}`));
      const lost = (): void => fail('the connection was lost');
      this.#client.once('close', lost);
      try {
        this.#client.exec(command, (error, channel) => {
          this.#client.off('close', lost);
          if (error) fail('it opens no channel');
          else resolve(listened(channel));
        });
      } catch {
        lost();
      }
    });
  }

  /** Also when it is ended from here. */
  whenLost(tell: () => void): void {
    this.#client.once('close', tell);
  }

  end(): void {
    this.#client.end();
  }
}

/** At once: a program that ends at once has said so before anybody else can listen. */
function listened(channel: ClientChannel): Remote {
  let exitCode: number | undefined;
  channel.once('exit', (code: number | null) => (exitCode = code ?? undefined));
  return { channel, exitCode: () => exitCode };
}

async function reach({ address, port }: Target): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true });
  // It may break while it waits for its turn.
  socket.on('error', () => undefined);
  const patience = setTimeout(() => socket.destroy(Object.assign(new Error('it does not answer'), { code: 'ETIMEDOUT' })), openTimeoutMs);
  try {
    await once(socket, 'connect');
    return socket;
  } finally {
    clearTimeout(patience);
  }
}

async function logIn(target: Target, proof: Proof, sock: Socket): Promise<Client> {
  const who = describeTarget(target);
  const client = new ssh2.Client();
  return await new Promise((resolve, reject) => {
    let refusal: ProviderError | undefined;
    client.once('ready', () => resolve(client));
    // Also for what comes later: an error that nobody hears ends the process.
    client.on('error', (error) => {
      reject(refusal ?? error);
      client.end();
    });
    client.once('close', () => reject(refusal ?? new Error('connection lost before handshake')));
    client.connect({
      ...proof, sock, username: target.user, readyTimeout: openTimeoutMs, keepaliveInterval: keepaliveIntervalMs, algorithms: serverHostKeys(target),
      hostVerifier: (key: Buffer) => {
        const reason = distrust(target.hostKeys, presentedKey(key));
        if (reason !== undefined) refusal = ProviderError.auth(`${who}: ${reason}`);
        return reason === undefined;
      },
    });
  });
}

/** Asks for the kinds that are pinned: a machine with several keys presents one of these. */
function serverHostKeys({ hostKeys: { types } }: Target): Algorithms {
  return types === undefined ? {} : { serverHostKey: types.flatMap((type) => algorithmsOf[type] ?? [type]) as ServerHostKeyAlgorithm[] };
}
