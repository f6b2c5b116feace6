import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import { writeFileAtomically } from '../identity/atomic-file.js';
import { parseHardware, type Hardware } from './hardware.js';

export interface HardwareProbeParts {
  /** The answer is kept here until the machine boots again. */
  readonly directory: string;
  readonly bootId: string;
  /** Program and arguments that print the answer: this program itself. */
  readonly command: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: () => number;
}

const timeoutMs = 20_000;
/** Agents that start together on one machine shall not ask together. */
const spreadMs = 10_000;

/**
 * Hardware facts, asked in a process of its own: the library that knows them would stay in the
 * agent's memory for good, for an answer that changes with a boot at most.
 */
export class HardwareProbe {
  readonly #parts: HardwareProbeParts;
  readonly #path: string;

  constructor(parts: HardwareProbeParts) {
    this.#parts = parts;
    this.#path = join(parts.directory, 'hardware.json');
  }

  /** What is kept from this boot. */
  kept(): Hardware | undefined {
    try {
      const { bootId, hardware } = JSON.parse(readFileSync(this.#path, 'utf8')) as { bootId?: unknown; hardware?: unknown };
      return bootId === this.#parts.bootId ? parseHardware(JSON.stringify(hardware)) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Undefined when it cannot be found out: nothing depends on it. Rejects only with the signal's reason. */
  async ask(signal: AbortSignal): Promise<Hardware | undefined> {
    const { clock, random = Math.random, bootId, log } = this.#parts;
    await clock.sleep(spreadMs * random(), signal);
    const hardware = await this.#run(signal);
    if (!hardware) return undefined;
    try {
      writeFileAtomically(this.#path, JSON.stringify({ bootId, hardware }));
    } catch (error) {
      log.debug({ err: error }, 'hardware facts could not be kept');
    }
    return hardware;
  }

  #run(signal: AbortSignal): Promise<Hardware | undefined> {
    const [program, ...args] = this.#parts.command;
    return new Promise((resolve) => {
      execFile(program, args, { timeout: timeoutMs, maxBuffer: 64 * 1024, signal, encoding: 'utf8' }, (error, stdout) => {
        if (error) this.#parts.log.debug({ reason: error.message }, 'hardware facts could not be read');
        resolve(error ? undefined : parseHardware(stdout));
      });
    });
  }
}
