// An ssh daemon on loopback that stands for many hosts, and the programs that run a command on them.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];

/** Answers undefined when it is not installed. */
export function programPath(name) {
  return directories.map((directory) => join(directory, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export class SshFarm {
  #child;
  #options;

  /** Keys of its own; nothing of the user's configuration is read. */
  static async start(directory) {
    for (const name of ['host-key', 'key']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)]);
    writeFileSync(join(directory, 'authorized_keys'), readFileSync(join(directory, 'key.pub')), { mode: 0o600 });
    const port = await freePort();
    const lines = [
      `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(directory, 'host-key')}`, `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      'PidFile none', 'KexAlgorithms curve25519-sha256', 'PasswordAuthentication no', 'UsePAM no', 'StrictModes no', 'MaxStartups 1000', 'UseDNS no', 'LogLevel ERROR', 'PermitRootLogin prohibit-password', 'PermitUserRC no',
    ];
    writeFileSync(join(directory, 'sshd_config'), `${lines.join('\n')}\n`);
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const child = spawn(programPath('sshd'), ['-D', '-e', '-f', join(directory, 'sshd_config')], { stdio: ['ignore', 'inherit', 'inherit'] });
    const options = ['-F', 'none', '-i', join(directory, 'key'), '-p', String(port), ...['HostName=127.0.0.1', `User=${userInfo().username}`, 'StrictHostKeyChecking=no', `UserKnownHostsFile=${join(directory, 'known_hosts')}`, 'LogLevel=ERROR', 'KexAlgorithms=curve25519-sha256', 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option])];
    const farm = new SshFarm(child, options);
    await farm.#whenServing();
    return farm;
  }

  constructor(child, options) {
    this.#child = child;
    this.#options = options;
  }

  /** Targets a second. @throws Error when not every target has answered */
  rate(program, targets, fanOut, command) {
    const hosts = `t[1-${targets}]`;
    const options = this.#options.join(' ');
    const isPdsh = program === 'pdsh';
    const words = isPdsh ? ['-R', 'ssh', '-f', String(fanOut), '-w', hosts, command] : ['-S', '-q', '-f', String(fanOut), '-o', options, '-w', hosts, command];
    const startedAt = performance.now();
    const { stdout, stderr } = spawnSync(programPath(program), words, { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: '/nonexistent', PDSH_SSH_ARGS_APPEND: options }, timeout: 300_000, maxBuffer: 64 * 1024 ** 2 });
    const tookMs = performance.now() - startedAt;
    const answered = stdout.split('\n').filter((line) => line.includes(': ')).length;
    if (answered !== targets) throw new Error(`${program}: ${answered} of ${targets} targets answered: ${stderr.slice(0, 500)}`);
    return (targets * 1_000) / tookMs;
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }

  async #whenServing() {
    for (let tries = 0; tries < 50; tries += 1) {
      if (spawnSync('ssh', [...this.#options, 't1', 'true'], { stdio: 'ignore', timeout: 10_000 }).status === 0) return;
      await sleep(100);
    }
    throw new Error('sshd does not serve');
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
