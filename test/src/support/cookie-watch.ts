import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { commandLines } from './processes.js';

const everyMs = 10;

/** Reads every command line of the machine again and again, and remembers those in which a cookie of a node stands. */
export class CookieWatch {
  readonly #t: Test;
  readonly #nodeDirectories: () => readonly string[];
  readonly #cookies = new Set<string>();
  /** Lines not yet compared: a cookie may be read later than the line that had it. */
  readonly #lines = new Set<string>();
  #rounds = 0;
  readonly #timer: NodeJS.Timeout;

  static start(t: Test, nodeDirectories: () => readonly string[]): CookieWatch {
    return new CookieWatch(t, nodeDirectories);
  }

  private constructor(t: Test, nodeDirectories: () => readonly string[]) {
    this.#t = t;
    this.#nodeDirectories = nodeDirectories;
    this.#timer = setInterval(() => this.#look(), everyMs);
    t.teardown(() => clearInterval(this.#timer));
  }

  /** Fails the test when a cookie was seen, or when the watch could not have seen one. */
  check(): void {
    clearInterval(this.#timer);
    this.#t.ok(this.#cookies.size > 0, 'cookies are there to be looked for');
    this.#t.ok(this.#rounds > 100, `command lines were read often: ${this.#rounds} times`);
    this.#t.ok([...this.#lines].some((line) => line.includes('erl_call')), 'processes that live shortly were seen too');
    const seen = [...this.#lines].filter((line) => [...this.#cookies].some((cookie) => line.includes(cookie)));
    this.#t.strictSame(seen.map((line) => line.replaceAll('\0', ' ')), [], 'no command line has a cookie in it');
  }

  #look(): void {
    this.#rounds += 1;
    for (const { line } of commandLines()) this.#lines.add(line);
    if (this.#rounds % 10 !== 0) return;
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
