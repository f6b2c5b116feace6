import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Action, Member } from '@wombat/plugin-sdk';
import { systemClock } from '@wombat/proto';
import type { Attempt, Nodes } from './nodes.js';

const startWithinMs = 20_000;

/** Whether this machine has Erlang. */
export function hasErlang(): boolean {
  return ['erl_call', 'erl', 'epmd'].every((program) => spawnSync(program, ['-invalid'], { timeout: 5_000, stdio: 'ignore' }).error?.message.includes('ENOENT') !== true);
}

/** Erlang nodes on 127.0.0.1, with an epmd of their own. */
export class ErlangNodes implements Nodes {
  readonly #home = mkdtempSync(join(tmpdir(), 'wombat-erlang-'));
  readonly #environment: Readonly<Record<string, string>>;
  readonly #epmd: ChildProcess;
  readonly #children = new Map<string, ChildProcess>();
  #started = 0;

  private constructor(epmdPort: number) {
    writeFileSync(join(this.#home, '.erlang.cookie'), 'conformance', { mode: 0o400 });
    this.#environment = { PATH: process.env['PATH']!, HOME: this.#home, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1' };
    this.#epmd = this.#spawn('epmd', []);
  }

  static async open(): Promise<ErlangNodes> {
    return new ErlangNodes(await freePort());
  }

  async start(): Promise<Member> {
    const name = `conformance-${(this.#started += 1)}`;
    const node: Member = { nodeId: `node-${this.#started}`, name, address: '127.0.0.1', erlangName: `${name}@127.0.0.1`, ports: {} };
    this.#children.set(name, this.#spawn('erl', ['-noinput', '-name', node.erlangName, '-kernel', 'inet_dist_use_interface', '{127,0,0,1}']));
    const until = performance.now() + startWithinMs;
    while ((await this.#call(node, ['-a', 'erlang is_alive'])).output !== 'true') {
      if (performance.now() > until) throw new Error(`the Erlang node ${name} does not answer`);
      await systemClock.sleep(50);
    }
    return node;
  }

  async run(node: Member, { kind }: Action): Promise<Attempt> {
    if (kind?.$case === 'erlangApply') return await this.#call(node, ['-a', `${kind.value.module} ${kind.value.function} ${kind.value.arguments}`]);
    if (kind?.$case === 'erlangEval') return await this.#call(node, ['-e'], `${kind.value.expressions}\n`);
    return { exitCode: 127, output: 'these nodes run no commands' };
  }

  async seenBy(node: Member): Promise<readonly string[]> {
    const { output } = await this.#call(node, ['-e'], '[node() | nodes()].\n');
    return [...output.matchAll(/[\w-]+@[\d.]+/g)].map(([name]) => name);
  }

  async stop({ name }: Member): Promise<void> {
    await end(this.#children.get(name));
    this.#children.delete(name);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children.values(), this.#epmd].map(end));
    rmSync(this.#home, { recursive: true, force: true });
  }

  #spawn(program: string, words: readonly string[]): ChildProcess {
    const child = spawn(program, words, { env: this.#environment, stdio: 'ignore', cwd: this.#home });
    child.on('error', () => undefined);
    return child;
  }

  async #call({ erlangName }: Member, words: readonly string[], input = ''): Promise<Attempt> {
    const child = spawn('erl_call', ['-r', '-name', erlangName, '-timeout', '5', ...words], { env: this.#environment, stdio: ['pipe', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stdin.on('error', () => undefined).end(input);
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode: exitCode ?? 1, output };
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
