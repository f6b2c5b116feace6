import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { WombatError } from '../errors/wombat-error.js';
import type { FailpointName } from './names.js';
import { parseFailpoints, type ArmedFailpoint } from './parse-failpoints.js';

/** The variable that arms them: the failpoints themselves, or `file:/PATH` of a file with the same text. */
export const failpointsVariable = 'WOMBAT_FAILPOINTS';

const filePrefix = 'file:';

/** What is armed in this process; undefined: nothing, and that is all that a passing costs. */
let armory: Armory | undefined;

/**
 * A place where a test can have the process die, wait or fail. To be awaited where waiting is possible; elsewhere it is
 * `void`, and a failpoint that shall hang there does nothing.
 * @throws WombatError when it is armed to fail, also where it is not awaited
 */
export function failpoint(name: FailpointName): Promise<void> | undefined {
  return armory === undefined ? undefined : armory.pass(name);
}

/**
 * Arms what the variable asks for, once, at the start of a process. Answers what is armed, for a warning.
 * @throws WombatError WO_CONFIG_INVALID for a name that does not exist
 */
export function armFailpoints(text: string | undefined): string | undefined {
  armory = text === undefined || text === '' ? undefined : new Armory(text);
  return armedFailpoints();
}

/** What this process was armed with. */
export function armedFailpoints(): string | undefined {
  return armory?.text;
}

/** The file beside a file of failpoints that is made when one of them has acted. */
export function hitFile(file: string, name: FailpointName): string {
  return `${file}.${name}.hit`;
}

class Armory {
  readonly text: string;
  readonly #file: string | undefined;
  readonly #passings = new Map<FailpointName, number>();
  #read = '';
  #armed: ReadonlyMap<FailpointName, ArmedFailpoint>;

  constructor(text: string) {
    this.text = text;
    this.#file = text.startsWith(filePrefix) ? text.slice(filePrefix.length) : undefined;
    if (this.#file !== undefined && !isAbsolute(this.#file)) throw new WombatError('WO_CONFIG_INVALID', `${failpointsVariable}: ${this.#file} is no absolute path`);
    this.#armed = parseFailpoints(this.#file === undefined ? text : '');
    this.#readFile();
  }

  pass(name: FailpointName): Promise<void> | undefined {
    this.#readFile();
    const armed = this.#armed.get(name);
    if (armed === undefined) return undefined;
    const passing = (this.#passings.get(name) ?? 0) + 1;
    this.#passings.set(name, passing);
    if (passing !== armed.passing || !this.#claim(name)) return undefined;
    return act(name, armed);
  }

  /** Whoever tests changes it while processes run; each new text is counted anew. */
  #readFile(): void {
    if (this.#file === undefined) return;
    const text = readIfThere(this.#file);
    if (text === this.#read) return;
    this.#armed = parseFailpoints(text);
    this.#read = text;
    this.#passings.clear();
  }

  /** Of all processes that share a file, and of all that come after them, one acts. */
  #claim(name: FailpointName): boolean {
    if (this.#file === undefined) return true;
    try {
      const file = openSync(hitFile(this.#file, name), 'wx', 0o600);
      writeSync(file, `${process.pid}\n`);
      closeSync(file);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}

function act(name: FailpointName, { action }: ArmedFailpoint): Promise<void> | undefined {
  writeSync(2, `failpoint ${name}: ${action.kind}\n`);
  switch (action.kind) {
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      return undefined;
    case 'hang':
      return new Promise((resolve) => {
        if (action.ms !== undefined) setTimeout(resolve, action.ms);
      });
    case 'error':
      throw new WombatError(action.code, `failpoint ${name}`);
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
