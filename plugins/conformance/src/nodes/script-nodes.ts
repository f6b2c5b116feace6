import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Action, Member } from '@wombat/plugin-sdk';
import type { Attempt, Nodes } from './nodes.js';

/** Whom a node sees stands in a file of its name; a name may be followed by @ and an address. */
const scripts: Readonly<Record<string, string>> = {
  join: 'all=$({ cat "$CLUSTER/$me"; for each; do cat "$CLUSTER/${each%%@*}" || exit 1; done; } | sort -u)\nfor each in $all; do printf "%s\\n" $all >"$CLUSTER/$each"; done\n',
  leave: 'gone=${WOMBAT_LEAVING:-$1}; gone=${gone%%@*}\nfor each in $(cat "$CLUSTER/$gone"); do sed -i "/^$gone\\$/d" "$CLUSTER/$each"; done\necho "$gone" >"$CLUSTER/$gone"\n',
  members: 'cat "$CLUSTER/$me"\n',
};

/**
 * Nodes for strategies that run commands: each has a root with `bin/join CONTACT...`, `bin/leave [NODE]` and `bin/members`, shell
 * scripts whose cluster is a directory.
 */
export class ScriptNodes implements Nodes {
  readonly #directory = mkdtempSync(join(tmpdir(), 'wombat-scripts-'));
  readonly #cluster = join(this.#directory, 'cluster');
  readonly #scripts: Readonly<Record<string, string>>;
  #started = 0;

  /** @param more further scripts of `bin`, by name; `$me` is the node, `$CLUSTER` the directory */
  constructor(more: Readonly<Record<string, string>> = {}) {
    this.#scripts = { ...scripts, ...more };
    mkdirSync(this.#cluster);
  }

  async start(): Promise<Member> {
    const name = `node-${(this.#started += 1)}`;
    const bin = join(this.#directory, name, 'bin');
    mkdirSync(bin, { recursive: true });
    for (const [script, text] of Object.entries(this.#scripts)) writeFileSync(join(bin, script), `#!/bin/sh\nset -eu\nme=$WOMBAT_NODE_NAME\n${text}`, { mode: 0o755 });
    writeFileSync(join(this.#cluster, name), `${name}\n`);
    return { nodeId: `node-id-${this.#started}`, name, address: '127.0.0.1', erlangName: '', ports: {} };
  }

  async run({ name }: Member, { kind }: Action): Promise<Attempt> {
    if (kind?.$case !== 'command') return { exitCode: 127, output: 'these nodes run commands only' };
    const { argv: [program, ...words], environment } = kind.value;
    const env = { PATH: process.env['PATH']!, ...environment, CLUSTER: this.#cluster, WOMBAT_NODE_NAME: name };
    const child = spawn(program!, words, { cwd: join(this.#directory, name), env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
    const [exitCode] = (await Promise.race([once(child, 'close'), once(child, 'error').then(() => [127])])) as [number | null];
    return { exitCode: exitCode ?? 1, output };
  }

  async seenBy({ name }: Member): Promise<readonly string[]> {
    const file = join(this.#cluster, name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  }

  async stop({ name }: Member): Promise<void> {
    rmSync(join(this.#cluster, name));
    for (const other of readdirSync(this.#cluster)) {
      const file = join(this.#cluster, other);
      writeFileSync(file, readFileSync(file, 'utf8').split('\n').filter((each) => each !== name).join('\n'));
    }
  }

  async close(): Promise<void> {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
