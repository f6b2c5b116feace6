import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Packages of the agent that a coordinator gives out, each another one than before: what an operator does with package-agent.js. */
export class AgentVariants {
  readonly #work: string;
  #count = 0;

  /** `packages` holds one package, which stays what others are made of. */
  private constructor(private readonly packages: string) {
    this.#work = mkdtempSync(join(packages, '.work-'));
  }

  static async of(packages: string): Promise<AgentVariants> {
    const variants = new AgentVariants(packages);
    await run('tar', ['-xzf', join(packages, variants.name), '-C', variants.#work]);
    return variants;
  }

  /** Of the package that is given out now. */
  get sha256(): string {
    return /-([0-9a-f]{64})\.tar\.gz$/.exec(this.name)![1]!;
  }

  get name(): string {
    return readdirSync(this.packages).find((each) => each.endsWith('.tar.gz'))!;
  }

  /** The same agent in other bytes; `starts` is what its program does, where that is something else than to start. */
  async next(starts?: string): Promise<string> {
    const tree = join(this.#work, `tree-${(this.#count += 1)}`);
    mkdirSync(tree);
    await run('cp', ['-al', ...['bin', 'dist', 'install'].map((name) => join(this.#work, name)), tree]);
    writeFileSync(join(tree, 'variant'), `${this.#count}\n`);
    if (starts !== undefined) {
      const program = join(tree, 'bin/wombat-agent');
      rmSync(program);
      writeFileSync(program, `#!/bin/sh\n[ "$1" != --version ] || exit 0\n${starts}\n`);
      chmodSync(program, 0o755);
    }
    const file = join(this.#work, 'package');
    await run('sh', ['-c', 'tar -cf - -C "$0" . | gzip -1 >"$1"', tree, file]);
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    const before = this.name;
    renameSync(file, join(this.packages, before.replace(/[0-9a-f]{64}/, sha256)));
    rmSync(join(this.packages, before));
    return sha256;
  }

  /** A byte more than its name stands for. */
  spoil(): void {
    appendFileSync(join(this.packages, this.name), 'x');
  }
}
