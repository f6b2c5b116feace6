import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { fingerprintOf } from '../host-key.js';

const program = '/usr/sbin/sshd';
/** Of its own making when it runs as root, elsewhere the package's. */
const emptyDirectory = '/run/sshd';

/** Why tests with sshd cannot run here, for `skip`. */
export function withoutSshd(): string | false {
  return existsSync(program) ? false : 'sshd is not installed (apt-get install openssh-server)';
}

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

export function newKey(): KeyPair {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-key-'));
  try {
    const file = join(directory, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'wombat', '-f', file]);
    return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface SshdOptions {
  /** Who may log in. */
  readonly user: KeyPair;
  /** @default one of its own */
  readonly hostKey?: KeyPair;
  /** @default 127.0.0.1 */
  readonly address?: string;
  /** Connections that have not logged in; whoever comes then is turned away. @default as many as sshd takes by itself */
  readonly maxStartups?: number;
  /** Where its directory is made. @default the temporary one */
  readonly parent?: string;
}

/** A real sshd on loopback, for the user who runs the test, with a home directory of its own: what stands for one machine. */
export class Sshd {
  readonly user = userInfo().username;
  readonly address: string;
  readonly hostKey: KeyPair;
  /** Home of who logs in; gone after the test. */
  readonly home: string;
  port = 0;
  readonly #directory: string;
  readonly #options: SshdOptions;
  #process: ChildProcess | undefined;
  #log = '';

  static async start(t: Test, options: SshdOptions): Promise<Sshd> {
    const sshd = new Sshd(options);
    t.teardown(async () => await sshd.#close());
    await sshd.start();
    return sshd;
  }

  private constructor(options: SshdOptions) {
    this.#options = options;
    this.#directory = mkdtempSync(join(options.parent ?? tmpdir(), 'wombat-sshd-'));
    this.home = join(this.#directory, 'home');
    this.address = options.address ?? '127.0.0.1';
    this.hostKey = options.hostKey ?? newKey();
  }

  get fingerprint(): string {
    return fingerprintOf(Buffer.from(this.hostKey.public.split(' ')[1]!, 'base64'));
  }

  /** What it has said. */
  get log(): string {
    return this.#log;
  }

  /** On the port that it had, if it ran before; with another host key when one is given. */
  async start(hostKey = this.hostKey): Promise<void> {
    this.port ||= await freePort(this.address);
    const child = spawn(program, ['-D', '-e', '-f', this.#write(hostKey)], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    this.#process = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    for (let round = 0; !(await listens(this.address, this.port)); round += 1) {
      if (child.exitCode !== null || round === 400) throw new Error(`sshd does not start: ${this.#log}`);
      await sleep(25);
    }
  }

  /** With all its connections. What was started over them goes on. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child?.pid || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGSTOP');
    for (const pid of childrenOf(child.pid)) killSshd(pid);
    child.kill('SIGKILL');
    await ended;
  }

  #write(hostKey: KeyPair): string {
    const path = (name: string): string => join(this.#directory, name);
    mkdirSync(this.home, { recursive: true });
    if (process.getuid?.() === 0) mkdirSync(emptyDirectory, { recursive: true });
    writeFileSync(path('host_key'), hostKey.private, { mode: 0o600 });
    writeFileSync(path('authorized_keys'), `${this.#options.user.public}\n`);
    writeFileSync(path('sshd_config'), [
      `ListenAddress ${this.address}:${this.port}`, `HostKey ${path('host_key')}`, `AuthorizedKeysFile ${path('authorized_keys')}`, 'PidFile none', 'UsePAM no', 'StrictModes no',
      // Start-up files of whoever runs the test are none of a machine's.
      'PasswordAuthentication no', 'PermitRootLogin prohibit-password', `SetEnv HOME=${this.home} BASH_ENV= ENV=`,
      ...(this.#options.maxStartups === undefined ? [] : [`MaxStartups ${this.#options.maxStartups}`]), '',
    ].join('\n'));
    return path('sshd_config');
  }

  async #close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(address: string, port: number): Promise<boolean> {
  const socket = connect(port, address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((word) => word !== '').map(Number);
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

/** The processes of one connection; what they have started lives on, as it does on a machine. */
function killSshd(pid: number): void {
  try {
    if (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sshd')) return;
    for (const child of childrenOf(pid)) killSshd(child);
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
