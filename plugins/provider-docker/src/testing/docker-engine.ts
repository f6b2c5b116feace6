import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { withoutFrames } from '../console-log.js';
import { makeCertificates, type Certificates } from './certificates.js';

const programs = { 'docker.io': '/usr/sbin/dockerd', 'docker-registry': '/usr/bin/docker-registry' };
const withinMs = 60_000;
let engines = 0;

/** In a namespace of its own for mounts, processes and, unless it is given one, network: nothing of the machine is changed, and with its first process all end. */
const script = `
directory=$1; shift
mount -t tmpfs tmpfs /run
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
ip link set lo up
socat "UNIX-LISTEN:$directory/tls.sock,fork" TCP4:127.0.0.1:2376 &
docker-registry serve "$directory/registry.json" 2>"$directory/registry.log" &
exec "$@"
`;

/** The part of a test of tap that is needed. */
export interface Occasion {
  teardown(end: () => Promise<void>): void;
}

export interface DockerEngineOptions {
  /** Name of a network namespace that is there already. @default one of its own */
  readonly networkNamespace?: string;
}

/** Why no engine can be started here; false when it can. */
export function whyNoEngine(): string | false {
  if (!process.env['WOMBAT_TEST_FULL']) return 'starting a Docker Engine is for full runs: scripts/test --full';
  if (process.getuid?.() !== 0) return 'needs root: a Docker Engine in namespaces of its own';
  const missing = Object.entries(programs).filter(([, path]) => !existsSync(path)).map(([name]) => name);
  return missing.length === 0 ? false : `needs Debian's packages ${missing.join(', ')}`;
}

/** A real Docker Engine of the test's own, with a registry that only it reaches. */
export class DockerEngine {
  readonly docker: Docker;
  readonly socketPath: string;
  readonly registry = '127.0.0.1:5000';
  /** Where it listens with TLS: a port of the test's loopback. */
  port = 0;

  private constructor(
    private readonly directory: string,
    private readonly name: string,
    readonly certificates: Certificates,
  ) {
    this.socketPath = join(directory, 'docker.sock');
    this.docker = new Docker({ socketPath: this.socketPath });
  }

  static async start(t: Occasion, { networkNamespace }: DockerEngineOptions = {}): Promise<DockerEngine> {
    engines += 1;
    const directory = await mkdtemp(join(tmpdir(), 'wombat-docker-'));
    const engine = new DockerEngine(directory, `wombat-docker-${process.pid}-${engines}`, await makeCertificates(directory));
    await writeFile(join(directory, 'registry.json'), JSON.stringify({ version: '0.1', storage: { filesystem: { rootdirectory: join(directory, 'registry') } }, http: { addr: engine.registry } }));
    const child = engine.#spawn(networkNamespace);
    t.teardown(async () => await engine.#end(child));
    await engine.#answers(child);
    await engine.#openDoor(t);
    return engine;
  }

  /** Runs a program in a container, as root, and answers what it wrote. */
  async run(containerId: string, ...argv: readonly string[]): Promise<string> {
    const exec = await this.docker.getContainer(containerId).exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true });
    return withoutFrames(await buffer(await exec.start({}))).toString();
  }

  #log(name: string): string {
    const file = join(this.directory, `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  #spawn(networkNamespace: string | undefined): ChildProcess {
    const { directory, name, certificates: { files } } = this;
    const log = openSync(join(directory, 'dockerd.log'), 'a');
    const enter = networkNamespace === undefined ? [] : ['nsenter', `--net=/run/netns/${networkNamespace}`];
    const isolation = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', ...(networkNamespace === undefined ? ['--net'] : [])];
    const engine = [
      programs['docker.io'], '--host', `unix://${this.socketPath}`, '--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec'), '--pidfile', join(directory, 'docker.pid'),
      '--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${name}`, '--bip', '198.51.100.1/24', '--userland-proxy=false',
      '--host', 'tcp://127.0.0.1:2376', '--tlsverify', '--tlscacert', files.ca, '--tlscert', files.serverCert, '--tlskey', files.serverKey,
    ];
    const argv = ['setpriv', '--pdeathsig', 'KILL', '--', ...enter, ...isolation, 'sh', '-c', script, 'sh', directory, ...engine];
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  }

  async #answers(child: ChildProcess): Promise<void> {
    const until = performance.now() + withinMs;
    while (performance.now() < until && child.exitCode === null) {
      if (this.#log('registry').includes('listening on') && (await this.docker.ping().then(() => true, () => false))) return;
      await sleep(100);
    }
    throw new Error(`the engine does not answer:\n${this.#log('dockerd').slice(-3_000)}`);
  }

  /** A unix socket is reached from every network namespace. */
  async #openDoor(t: Occasion): Promise<void> {
    const server = createServer((near) => {
      const far = connect(join(this.directory, 'tls.sock'));
      near.on('error', () => far.destroy()).on('close', () => far.destroy()).pipe(far);
      far.on('error', () => near.destroy()).on('close', () => near.destroy()).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    t.teardown(async () => void server.close());
  }

  /** Its first process takes all with it, containers too. */
  async #end(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    const until = performance.now() + withinMs;
    const isGone = (): boolean => groupRoots().map((root) => removedGroup(join(root, this.name))).every(Boolean);
    while (!isGone()) {
      if (performance.now() > until) throw new Error(`processes of ${this.name} do not end`);
      await sleep(100);
    }
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Control groups of version 1, or version 2: whichever there are. */
function groupRoots(): string[] {
  const root = '/sys/fs/cgroup';
  return [root, ...readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))];
}

function removedGroup(group: string): boolean {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removedGroup(join(group, entry.name));
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group);
  }
}
