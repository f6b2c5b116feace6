import { limits, WombatError } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import { ConsoleServiceService, type ConsoleOpened, type ConsoleWish, type OpenConsoleRequest } from '@wombat/proto/control';
import type { TerminalSize } from '@wombat/proto/types';
import type { Control } from '../../control/control.js';
import type { Io, OutputStream } from '../../terminal/io.js';
import { RawTerminal } from '../../terminal/raw-terminal.js';
import { Escape } from './escape.js';
import { Outgoing } from './outgoing.js';

/** How a console ended. Without an exit the operator left it. */
export interface ConsoleOutcome {
  readonly exit?: ExitStatus | undefined;
}

/** So much may be typed, or pasted, ahead of the other end before nothing more is read: until then `~.` is seen. */
const aheadBytes = 1024 * 1024;
/** From leaving to the end of the call in good order. */
const leaveTimeoutMs = 2_000;

/** One console, from the wish to its end; the terminal is raw while it is open, and as it was afterwards, however it ends. */
export class Conversation {
  readonly #io: Io;
  readonly #outgoing: Outgoing<OpenConsoleRequest>;
  readonly #escape = new Escape();
  readonly #leaving = new AbortController();
  #hasLeft = false;

  constructor(io: Io) {
    this.#io = io;
    this.#outgoing = new Outgoing((waitingBytes) => {
      if (waitingBytes < aheadBytes && !this.#hasLeft) io.stdin.resume();
    });
  }

  /** @throws WombatError when it cannot be opened, or is lost */
  async run(control: Control, wish: Omit<ConsoleWish, 'size'>, onOpened: (opened: ConsoleOpened) => void): Promise<ConsoleOutcome> {
    this.#outgoing.add({ kind: { $case: 'open', value: { ...wish, size: sizeOf(this.#io.stdout) } } });
    const answers = control.converse(ConsoleServiceService.openConsole, this.#outgoing, { signal: this.#leaving.signal });
    let terminal: RawTerminal | undefined;
    let outcome: ConsoleOutcome | undefined;
    try {
      for await (const { kind } of answers) {
        if (kind?.$case === 'opened') {
          onOpened(kind.value);
          terminal = this.#attach();
        } else if (kind?.$case === 'output') await written(this.#io.stdout, kind.value);
        else if (kind?.$case === 'ended') outcome = { exit: kind.value.exit };
      }
    } catch (error) {
      if (!this.#hasLeft) throw error;
    } finally {
      this.#detach();
      terminal?.restore({ torn: outcome === undefined });
    }
    if (outcome ?? this.#hasLeft) return outcome ?? {};
    throw new WombatError('WO_UNAVAILABLE', 'the coordinator ended the console and did not say why');
  }

  #attach(): RawTerminal {
    const { stdin, stdout } = this.#io;
    const terminal = new RawTerminal(stdin, stdout);
    stdin.on('data', this.#onTyped);
    stdin.on('end', this.#leave);
    stdout.on('resize', this.#onResize);
    stdin.resume();
    // It may have changed since the wish.
    this.#onResize();
    return terminal;
  }

  #detach(): void {
    const { stdin, stdout } = this.#io;
    stdin.off('data', this.#onTyped);
    stdin.off('end', this.#leave);
    stdout.off('resize', this.#onResize);
    this.#outgoing.end();
  }

  readonly #onTyped = (bytes: Buffer): void => {
    const { send, leave } = this.#escape.read(bytes);
    for (let at = 0; at < send.length; at += limits.channelChunkBytes) {
      const value = send.subarray(at, at + limits.channelChunkBytes);
      this.#outgoing.add({ kind: { $case: 'input', value } }, value.length);
    }
    if (leave) this.#leave();
    else if (this.#outgoing.waitingBytes >= aheadBytes) this.#io.stdin.pause();
  };

  readonly #onResize = (): void => this.#outgoing.add({ kind: { $case: 'resized', value: sizeOf(this.#io.stdout) } });

  /** The other end is told by the end of the stream; should nobody answer to that, the call is cut. */
  readonly #leave = (): void => {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#outgoing.end();
    setTimeout(() => this.#leaving.abort(new WombatError('WO_CANCELLED', 'nobody answered to the end')), leaveTimeoutMs).unref();
  };
}

function sizeOf({ rows = 24, columns = 80 }: OutputStream): TerminalSize {
  return { rows, columns };
}

function written(stream: OutputStream, bytes: Uint8Array): Promise<void> | undefined {
  if (stream.write(bytes)) return undefined;
  return new Promise((resolve) => stream.once('drain', resolve));
}
