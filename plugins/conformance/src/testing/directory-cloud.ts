import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FirewallRule } from '@wombat/plugin-sdk';

export interface CloudMachine {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A cloud that outlives every program: a directory with a file for each machine. */
export class DirectoryCloud {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** While it is there, every call is one too many. */
  get isThrottling(): boolean {
    return existsSync(join(this.#directory, 'throttled'));
  }

  set isThrottling(value: boolean) {
    if (value) writeFileSync(join(this.#directory, 'throttled'), '');
    else rmSync(join(this.#directory, 'throttled'), { force: true });
  }

  machines(): readonly CloudMachine[] {
    return readdirSync(this.#directory).filter((name) => name.endsWith('.machine')).flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(join(this.#directory, name), 'utf8')) as CloudMachine];
      } catch {
        // It was destroyed meanwhile.
        return [];
      }
    });
  }

  make(machine: CloudMachine): CloudMachine {
    this.#write(`${machine.id}.machine`, machine);
    return machine;
  }

  remove(id: string): void {
    rmSync(join(this.#directory, `${encodeURIComponent(id)}.machine`), { force: true });
  }

  rules(group: string): readonly FirewallRule[] {
    const file = join(this.#directory, `${group}.firewall`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as FirewallRule[]) : [];
  }

  setRules(group: string, rules: readonly FirewallRule[]): void {
    this.#write(`${group}.firewall`, rules);
  }

  #write(name: string, value: unknown): void {
    const half = join(this.#directory, `${name}.${process.pid}`);
    writeFileSync(half, JSON.stringify(value));
    renameSync(half, join(this.#directory, name));
  }
}
