import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const sampler = fileURLToPath(new URL('command-line-sampler.js', import.meta.url));
const cookiesEveryMs = 100;

/** What a sampler has seen. */
interface Samples {
  readonly rounds: number;
  readonly lines: readonly string[];
}

/** Reads every command line of the machine again and again, and tells those in which a cookie of a node stands. */
export class CookieWatch {
  readonly #t: Test;
  readonly #nodeDirectories: () => readonly string[];
  readonly #cookies = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #sampler: ChildProcessByStdio<Writable, Readable, null>;

  static start(t: Test, nodeDirectories: () => readonly string[]): CookieWatch {
    return new CookieWatch(t, nodeDirectories);
  }

  private constructor(t: Test, nodeDirectories: () => readonly string[]) {
    this.#t = t;
    this.#nodeDirectories = nodeDirectories;
    this.#timer = setInterval(() => this.#readCookies(), cookiesEveryMs);
    this.#sampler = spawn(process.execPath, [sampler], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.teardown(() => {
      clearInterval(this.#timer);
      this.#sampler.kill('SIGKILL');
    });
  }

  /** Fails the test when a cookie was seen, or when the watch could not have seen one. */
  async check(): Promise<void> {
    const { samples, seen } = await this.#end();
    this.#t.ok(samples.rounds > 100, `command lines were read often: ${samples.rounds} times`);
    this.#t.ok(samples.lines.some((line) => line.includes('erl_call')), 'processes that live shortly were seen too');
    this.#t.strictSame(seen, [], 'no command line has a cookie in it');
  }

  /** The command lines that have a cookie in them. */
  async seen(): Promise<readonly string[]> {
    return (await this.#end()).seen;
  }

  async #end(): Promise<{ samples: Samples; seen: readonly string[] }> {
    clearInterval(this.#timer);
    this.#readCookies();
    this.#sampler.stdin.end();
    const samples = JSON.parse(await text(this.#sampler.stdout)) as Samples;
    this.#t.ok(this.#cookies.size > 0, 'cookies are there to be looked for');
    const seen = samples.lines.filter((line) => [...this.#cookies].some((cookie) => line.includes(cookie)));
    return { samples, seen: seen.map((line) => line.replaceAll('\0', ' ')) };
  }

  #readCookies(): void {
    for (const directory of this.#nodeDirectories()) {
      const cookie = readCookie(directory);
      if (cookie) this.#cookies.add(cookie);
    }
  }
}

function readCookie(directory: string): string {
  try {
    return readFileSync(join(directory, 'home', '.erlang.cookie'), 'utf8').trim();
  } catch {
    return '';
  }
}
