import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Runtime } from '../runtime.js';
import { readInput } from './read-input.js';
import { UsageError } from '../usage-error.js';

const maximumBytes = 64 * 1024;

export const secretHelp =
  'A secret is better given as env:NAME, file:PATH or - (asked for without echo, or read from standard input): ' +
  'what stands on a command line is seen by every user of the machine and kept in the history of the shell.';

/** Reads values that may be secret, warning once about those that are given as they are. */
export class SecretReader {
  readonly #runtime: Runtime;
  #standardInputUsed = false;
  #warned = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** `what` names the value in questions and errors; the value itself is never in a message. */
  async read(given: string, what: string): Promise<string> {
    if (given === '-') return this.#fromInput(what);
    if (given.startsWith('env:')) return this.#fromEnvironment(given.slice(4), what);
    if (given.startsWith('file:')) return this.#fromFile(given.slice(5), what);
    this.#warnOnce();
    return given;
  }

  /** Secret variables, by name. */
  async readAll(given: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const values: Record<string, string> = {};
    for (const [name, value] of Object.entries(given)) values[name] = await this.read(value, `secret ${name}`);
    return values;
  }

  /** A setting may be anything: only the three forms are read, the rest is taken as it is, without a warning. */
  async readSetting(given: string, what: string): Promise<string> {
    return given === '-' || given.startsWith('env:') || given.startsWith('file:') ? this.read(given, what) : given;
  }

  #fromEnvironment(name: string, what: string): string {
    const value = this.#runtime.io.env[name];
    if (!value) throw new UsageError(`${what}: the environment has no ${name}`);
    return value;
  }

  async #fromFile(path: string, what: string): Promise<string> {
    let content: Buffer;
    try {
      content = await readFile(resolve(this.#runtime.io.cwd, path));
    } catch (error) {
      throw new UsageError(`${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
    return oneSecret(content, `${what}: ${path}`);
  }

  async #fromInput(what: string): Promise<string> {
    if (this.#standardInputUsed) throw new UsageError('standard input can give one secret only');
    this.#standardInputUsed = true;
    const { stdin, stderr } = this.#runtime.io;
    if (stdin.isTTY === true) {
      if (this.#runtime.flags.noInput) throw new UsageError(`${what}: --no-input forbids to ask for it`);
      const { askHidden } = await import('../terminal/ask-hidden.js');
      return oneSecret(Buffer.from(await askHidden(stdin, stderr, `${what}: `, this.#runtime.signal)), what);
    }
    return oneSecret(await readInput(stdin, maximumBytes), `${what}: standard input`);
  }

  #warnOnce(): void {
    // `ps` shows the title instead of the command line from here on.
    process.title = 'wo';
    if (this.#warned) return;
    this.#warned = true;
    this.#runtime.print.warn('warning: a secret on the command line is seen by other users and kept in the history; better: env:NAME, file:PATH or -');
  }
}

/** Without the one newline that editors and echo put at the end. */
function oneSecret(content: Buffer, what: string): string {
  if (!isUtf8(content)) throw new UsageError(`${what} is no text`, 'encode it, in base64 for example');
  const value = content.toString('utf8').replace(/\r?\n$/, '');
  if (value === '') throw new UsageError(`${what} is empty`);
  if (content.length > maximumBytes) throw new UsageError(`${what} is longer than ${maximumBytes} bytes`);
  return value;
}
