import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Action, type Member, type Step } from '@wombat/plugin-sdk';
import t from 'tap';
import { plugin } from './index.js';

const hasErlang = spawnSync('erl_call', []).error === undefined;

function member(number: number): Member {
  return { nodeId: `node-${number}`, name: `mesh-${number}`, address: '127.0.0.1', erlangName: `mesh-${number}@127.0.0.1`, ports: {} };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Three Erlang nodes on an epmd of their own, and what an agent does with a step. */
class Nodes {
  readonly #home = mkdtempSync(join(tmpdir(), 'wombat-mesh-'));
  readonly #environment: Record<string, string>;
  readonly #children: ReturnType<typeof spawn>[] = [];

  constructor(epmdPort: number) {
    writeFileSync(join(this.#home, '.erlang.cookie'), 'meshtestcookie', { mode: 0o400 });
    this.#environment = { PATH: process.env['PATH']!, HOME: this.#home, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1' };
    this.#spawn('epmd', []);
  }

  start({ erlangName }: Member): void {
    this.#spawn('erl', ['-noinput', '-name', erlangName, '-kernel', 'inet_dist_use_interface', '{127,0,0,1}']);
  }

  /** Repeats the action until its output is as wanted. */
  async run(on: Member, { name, action, until }: Step): Promise<string> {
    for (let attempt = 0; attempt < 400; attempt += 1) {
      const output = this.#try(on, action!);
      if (output !== undefined && (until?.containsAll ?? []).every((text) => output.includes(text))) return output;
      await systemClock.sleep(50);
    }
    throw new Error(`step ${name} on ${on.name} did not succeed within 20 s`);
  }

  end(): void {
    for (const child of this.#children.reverse()) child.kill('SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }

  #spawn(program: string, words: readonly string[]): void {
    this.#children.push(spawn(program, words, { env: this.#environment, stdio: 'ignore', cwd: this.#home }));
  }

  #try(on: Member, { kind }: Action): string | undefined {
    const base = ['-r', '-name', on.erlangName, '-timeout', '5'];
    const [words, input] = kind?.$case === 'erlangApply'
      ? [[...base, '-a', `${kind.value.module} ${kind.value.function} ${kind.value.arguments}`], '']
      : [[...base, '-e'], kind?.$case === 'erlangEval' ? `${kind.value.expressions}\n` : ''];
    try {
      return execFileSync('erl_call', words, { env: this.#environment, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
    } catch {
      return undefined;
    }
  }
}

t.test('real nodes become one mesh, and joining twice changes nothing', { skip: hasErlang ? false : 'erl_call is not installed', timeout: 60_000 }, async (t) => {
  const nodes = new Nodes(await freePort());
  t.teardown(() => nodes.end());
  const members = [member(1), member(2), member(3)];
  members.forEach((each) => nodes.start(each));
  const [seed, second, third] = members as [Member, Member, Member];
  for (const [self, contacts] of [[second, [seed]], [third, [seed]], [third, [seed, second]]] as const) {
    for (const step of await plugin.planJoin({ options: {}, familyName: 'Mesh', self, contacts })) await nodes.run(self, step);
  }
  for (const self of members) {
    const [check] = await plugin.planCheck({ options: {}, self });
    const output = new TextEncoder().encode(await nodes.run(self, check!));
    t.strictSame([...await plugin.readMembers({ options: {}, self, output })].sort(), members.map(({ erlangName }) => erlangName), `what ${self.name} sees`);
  }
});
