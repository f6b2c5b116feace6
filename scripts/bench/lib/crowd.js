// Many agents, spread over a few processes: one alone would be as busy as the coordinator that is measured.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const perProcess = 5_000;
/** Handshakes under way in one process, where nothing is said of them. */
const usuallyAtOnce = 20;

/** @typedef {{ open: number, failures: Record<string, number>, residentMiB: number }} CrowdStatus */
export class Crowd {
  #children = [];
  #asked = 0;

  /** `kind`: agents, or sockets or streams (then with `frameBytes` an answer, and every `beatMs`). */
  constructor({ kind, directory, identities, authorityFile, port, frameBytes = 0, beatMs = 0 }) {
    this.size = identities.length;
    for (let from = 0; from < identities.length; from += perProcess) {
      const identitiesFile = join(directory, `identities-${from}.json`);
      writeFileSync(identitiesFile, JSON.stringify(identities.slice(from, from + perProcess)), { mode: 0o600 });
      const what = JSON.stringify({ kind, port, identitiesFile, authorityFile, frameBytes, beatMs });
      this.#children.push(fork(join(import.meta.dirname, 'crowd-process.js'), [what]));
    }
    for (const child of this.#children) child.setMaxListeners(0);
  }

  get processes() {
    return this.#children.length;
  }

  get pids() {
    return this.#children.map(({ pid }) => pid);
  }

  /** Resolves when all are connected. */
  async connect(withinMs, atOnce = usuallyAtOnce) {
    await Promise.all([this.#order('connect', atOnce), this.untilOpen(this.size, withinMs)]);
  }

  /** Answers after how long so many were open for the first time. */
  async untilOpen(wanted, withinMs) {
    const startedAt = performance.now();
    for (;;) {
      const { open, failures } = await this.status();
      if (open === wanted) return performance.now() - startedAt;
      if (performance.now() - startedAt > withinMs) throw new Error(`${open} of ${this.size} are connected after ${withinMs / 1_000} s; failures: ${JSON.stringify(failures)}`);
      await sleep(20);
    }
  }

  async retry() {
    await this.#order('retry');
  }

  /** @returns {Promise<CrowdStatus>} of all */
  async status() {
    const each = await this.#order('status');
    const failures = {};
    for (const one of each) for (const [code, count] of Object.entries(one.failures)) failures[code] = (failures[code] ?? 0) + count;
    return { open: sum(each.map(({ open }) => open)), failures, residentMiB: sum(each.map(({ residentMiB }) => residentMiB)) };
  }

  /** Ends its processes; also those that do not answer. */
  async end() {
    const children = this.#children.splice(0);
    const exits = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(exits);
  }

  #order(order, atOnce) {
    return Promise.all(this.#children.map((child) => this.#ask(child, { id: (this.#asked += 1), order, atOnce })));
  }

  #ask(child, message) {
    return new Promise((resolve, reject) => {
      const onMessage = (answer) => answer.id === message.id && done(resolve, answer);
      const onExit = (code, signal) => done(reject, new Error(`a process of the crowd ended with ${code ?? signal}`));
      const done = (settle, value) => {
        child.off('message', onMessage).off('exit', onExit);
        settle(value);
      };
      child.on('message', onMessage).on('exit', onExit);
      child.send(message, (error) => error && done(reject, error));
    });
  }
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
