import { randomBytes } from 'node:crypto';
import { ProviderError } from '@wombat/plugin-sdk';
import type { Remote } from './connection.js';
import type { Connections } from './connections.js';
import { describeTarget, type Target } from './inventory.js';
import type { SshSettings } from './settings.js';

/** More than that nobody has to say. */
const longestAnswerBytes = 256 * 1024;

export interface ShellOptions {
  readonly signal: AbortSignal;
  /** Called once when the script leaves: from then on it may have run, whatever is answered. */
  readonly onSend?: () => void;
}

/**
 * Runs scripts of a POSIX shell on machines, as the user or by sudo as root. A script goes over the channel, so no list of processes
 * shows it, nor a password that sudo asks for; a cut channel ends the shell's input, and what is not whole is not run.
 */
export class Shell {
  readonly #connections: Connections;
  readonly #settings: SshSettings;

  constructor(connections: Connections, settings: SshSettings) {
    this.#connections = connections;
    this.#settings = settings;
  }

  /**
   * Answers what it printed.
   *
   * @throws ProviderError auth, throttled or unavailable, or the signal's reason
   */
  async run(target: Target, script: string, options: ShellOptions): Promise<string> {
    const token = `wombat-${randomBytes(9).toString('hex')}`;
    const { sudoPassword: password } = this.#settings;
    return await this.#connections.exec(target, this.#command(token), options.signal, async (remote) =>
      await new Conversation({ who: describeTarget(target), user: target.user, token, remote, script, password, ...options }).over());
  }

  /** Says the token when it is ready for the script; only then nothing that a start-up file prints is in between. */
  #command(token: string): string {
    const { sudo, sudoPassword } = this.#settings;
    const shell = `sh -c 'echo ${token}; exec sh'`;
    if (!sudo) return shell;
    return sudoPassword === undefined ? `sudo -n ${shell}` : `sudo -S -p ${token}: ${shell}`;
  }
}

interface ConversationOptions extends ShellOptions {
  readonly who: string;
  readonly user: string;
  readonly token: string;
  readonly remote: Remote;
  readonly script: string;
  readonly password: string | undefined;
}

/** One run of a script: asked for a password perhaps, ready, sent, answered. */
class Conversation {
  readonly #options: ConversationOptions;
  #output = '';
  #complaints = '';
  #isReady = false;
  #isAsked = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  async over(): Promise<string> {
    const { remote: { channel, exitCode }, signal } = this.#options;
    return await new Promise<string>((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(error instanceof Error ? error : new Error(String(error)));
        channel.close();
      };
      const abort = (): void => fail(signal.reason);
      const hear = (listen: (text: string) => void) => (text: string): void => {
        try {
          listen(text);
        } catch (error) {
          fail(error);
        }
      };
      channel.setEncoding('utf8').on('data', hear((text) => this.#hearOutput(text)));
      channel.stderr.setEncoding('utf8').on('data', hear((text) => this.#hearComplaint(text)));
      channel.on('error', () => undefined);
      channel.once('close', () => {
        signal.removeEventListener('abort', abort);
        if (exitCode() === 0 && this.#isReady) resolve(this.#output);
        else reject(this.#failure());
      });
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }

  #hearOutput(text: string): void {
    const { token, remote: { channel }, script, onSend } = this.#options;
    this.#output += text;
    this.#bound();
    if (this.#isReady) return;
    const end = this.#output.indexOf(`${token}\n`);
    if (end === -1) return;
    this.#output = this.#output.slice(end + token.length + 1);
    this.#isReady = true;
    onSend?.();
    channel.end(script);
  }

  #hearComplaint(text: string): void {
    const { token, remote: { channel }, password, user, who } = this.#options;
    this.#complaints += text;
    this.#bound();
    if (this.#isReady || !this.#complaints.includes(`${token}:`)) return;
    this.#complaints = this.#complaints.replace(`${token}:`, '');
    if (this.#isAsked || password === undefined) throw ProviderError.auth(`${who}: sudo refuses the password of ${user}`);
    this.#isAsked = true;
    channel.write(`${password}\n`);
  }

  #bound(): void {
    if (this.#output.length + this.#complaints.length > longestAnswerBytes) throw ProviderError.unavailable(`${this.#options.who}: it does not stop talking`);
  }

  #failure(): ProviderError {
    const { who, user, token, password, remote } = this.#options;
    const code = remote.exitCode();
    const last = lastLine(this.#complaints.replaceAll(token, ''), password);
    if (code === undefined) return ProviderError.unavailable(`${who}: the connection was lost`);
    if (this.#isReady) return ProviderError.unavailable(`${who}: what it was asked to do ended with ${code}${last}`);
    if (/sudo/.test(this.#complaints)) return ProviderError.auth(`${who}: ${user} cannot become root${last}`);
    return ProviderError.unavailable(`${who}: it gives ${user} no shell${last}`);
  }
}

/** The end of what it complained of, as part of a message. */
function lastLine(text: string, password: string | undefined): string {
  const line = text.trim().split('\n').at(-1)?.replace(/[^\x20-\x7e]/g, '?').slice(0, 200) ?? '';
  if (line === '' || (password !== undefined && line.includes(password))) return '';
  return `: ${line}`;
}
