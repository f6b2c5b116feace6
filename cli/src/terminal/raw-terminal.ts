import { spawn, spawnSync } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { InputStream, OutputStream } from './io.js';

const sttyTimeoutMs = 3_000;
const lifeDescriptor = 3;

/** Waits for the end of a pipe that only `wo` holds. A word through it first: the terminal is as it was. Only what is still raw is touched: a shell may be reading by then. */
const guardScript = "trap '' HUP INT QUIT TERM TSTP TTOU; read -r word <&3 && exit; case $(stty -a) in *-isig*) stty \"$1\" ;; esac";

/** Switches off what an interrupted program may have left on: pasting in brackets, reports of the mouse, a hidden cursor, colours. */
const calm = '\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?25h\x1b[0m';

/** The operator's terminal while every key goes to somebody else. */
export class RawTerminal {
  readonly #input: InputStream;
  readonly #output: OutputStream;
  readonly #guard: Writable | undefined;
  #isRaw = true;

  constructor(input: InputStream, output: OutputStream) {
    this.#input = input;
    this.#output = output;
    this.#guard = guard();
    input.setRawMode?.(true);
  }

  /** As it was before. `torn`: the program at the other end could not tidy up behind itself. */
  restore({ torn }: { readonly torn: boolean }): void {
    if (!this.#isRaw) return;
    this.#isRaw = false;
    this.#input.setRawMode?.(false);
    this.#input.pause();
    if (torn) this.#output.write(calm);
    this.#guard?.end('restored\n');
  }
}

/** Restores the terminal should `wo` be killed: then nothing of its own runs any more. */
function guard(): Writable | undefined {
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8', timeout: sttyTimeoutMs });
  const saved = stdout?.trim() ?? '';
  if (status !== 0 || !/^[\w:=]+$/.test(saved)) return undefined;
  const child = spawn('/bin/sh', ['-c', guardScript, 'sh', saved], { stdio: ['inherit', 'ignore', 'ignore', 'pipe'] });
  child.on('error', () => undefined);
  child.unref();
  const life = child.stdio[lifeDescriptor] as Writable;
  life.on('error', () => undefined);
  return life;
}
