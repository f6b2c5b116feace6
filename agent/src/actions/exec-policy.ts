import { closeSync, fstatSync, lstatSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WombatError } from '@wombat/proto';
import { openPlainFile } from '../logs/plain-file.js';
import { findProgram } from '../processes/find-program.js';

/** What somebody asks to be run, as far as a policy judges it. */
export interface AskedCommand {
  /** As it was given: "uptime", "bin/status". */
  readonly name: string;
  /** The file that it was found to be. */
  readonly program: string;
  /** Of the target; paths of the policy are seen from there. */
  readonly root: string;
  readonly environmentNames: readonly string[];
  /** Another user than the target's own; empty when none is asked for. */
  readonly user: string;
}

/** What the owner of a host lets a coordinator run on it. */
export interface ExecPolicy {
  readonly exec: 'on' | 'off' | readonly string[];
  /** With a list of commands: whether Erlang is evaluated too. */
  readonly erlang: boolean;
  /** With a list of commands: names of variables that may be given. */
  readonly environment: readonly string[];
  /** With a list of commands: users that may be asked for. */
  readonly users: readonly string[];
  /** Whether files are put on the host and read from it. */
  readonly files: boolean;
  /** Whether consoles are opened, which let their operator do everything. */
  readonly console: boolean;
}

const open: ExecPolicy = { exec: 'on', erlang: true, environment: [], users: [], files: true, console: true };
const largestBytes = 64 * 1024;

/** The file that holds a policy. Read for every command: what its owner has changed counts from the next one on. */
export class ExecPolicyFile {
  readonly #file: string;
  readonly #isNamed: boolean;

  /** Without a name it is `exec-policy.json` in the agent's directory, if there is one. */
  constructor({ directory, file }: { readonly directory: string; readonly file?: string | undefined }) {
    this.#file = file ?? join(directory, 'exec-policy.json');
    this.#isNamed = file !== undefined;
  }

  /** @throws WombatError WO_EXEC_REJECTED when it does not allow that, or cannot be read */
  checkCommand(asked: AskedCommand, path: string): void {
    const policy = this.#read();
    if (policy.exec === 'on') return;
    if (policy.exec === 'off') throw this.#off();
    if (!policy.exec.some((entry) => isMeant(entry, asked, path))) throw this.#refused(`${JSON.stringify(asked.name)} is not among the commands that may be run`);
    const variable = asked.environmentNames.find((name) => !policy.environment.includes(name));
    if (variable !== undefined) throw this.#refused(`the variable ${JSON.stringify(variable)} may not be given to commands`);
    if (asked.user !== '' && !policy.users.includes(asked.user)) throw this.#refused(`commands may not be run as ${JSON.stringify(asked.user)}`);
  }

  /** @throws WombatError WO_EXEC_REJECTED */
  checkErlang(): void {
    const { exec, erlang } = this.#read();
    if (exec === 'off') throw this.#off();
    if (exec !== 'on' && !erlang) throw this.#refused('Erlang may not be evaluated');
  }

  /** @throws WombatError WO_EXEC_REJECTED */
  checkFiles(user: string): void {
    const policy = this.#read();
    if (!policy.files) throw this.#refused('no files are put on this host or read from it');
    this.#checkUser(policy, user, 'files may not be written');
  }

  /** @throws WombatError WO_EXEC_REJECTED */
  checkConsole(user: string): void {
    const policy = this.#read();
    if (!policy.console) throw this.#refused('this host opens no consoles');
    this.#checkUser(policy, user, 'consoles may not be opened');
  }

  /** A user that is not the target's own, or empty. */
  #checkUser({ exec, users }: ExecPolicy, user: string, what: string): void {
    if (user !== '' && exec !== 'on' && !users.includes(user)) throw this.#refused(`${what} as ${JSON.stringify(user)}`);
  }

  #read(): ExecPolicy {
    try {
      if (!this.#isNamed && !lstatSync(this.#file, { throwIfNoEntry: false })) return open;
      return parsePolicy(readSmallFile(this.#file));
    } catch (error) {
      throw this.#refused(`it cannot be read: ${(error as Error).message}`);
    }
  }

  #off(): WombatError {
    return this.#refused('this host runs no commands');
  }

  #refused(why: string): WombatError {
    return new WombatError('WO_EXEC_REJECTED', `the policy of the host: ${why}`, { hint: `its owner decides, in ${this.#file}; see docs/reference/commands.md` });
  }
}

/** @throws Error that names the key */
export function parsePolicy(text: string): ExecPolicy {
  const content: unknown = JSON.parse(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error('it holds no JSON object');
  const { exec, erlang = false, environment = [], users = [], files = exec === 'on', console = exec === 'on', ...others } = content as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`it has an unknown key: ${unknown}`);
  if (exec !== 'on' && exec !== 'off' && !isTexts(exec)) throw new Error('exec is "on", "off", or a list of commands');
  if (typeof erlang !== 'boolean') throw new Error('erlang is true or false');
  if (!isTexts(environment)) throw new Error('environment is a list of names');
  if (!isTexts(users)) throw new Error('users is a list of names');
  if (typeof files !== 'boolean') throw new Error('files is true or false');
  if (typeof console !== 'boolean') throw new Error('console is true or false');
  return { exec, erlang, environment, users, files, console };
}

/**
 * A path means that file, seen from the root of the node unless it begins at the top; a bare name means the
 * program that the agent's own PATH has, whatever the PATH of the node finds under that name.
 */
function isMeant(entry: string, { name, program, root }: AskedCommand, path: string): boolean {
  if (entry.includes('/')) return program === resolve(root, entry);
  return name === entry && program === findProgram(entry, '/', path);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');
}

function readSmallFile(file: string): string {
  const descriptor = openPlainFile(file);
  try {
    if (fstatSync(descriptor).size > largestBytes) throw new Error(`it is larger than ${largestBytes} bytes`);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
