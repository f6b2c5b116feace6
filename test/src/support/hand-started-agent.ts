import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchers } from './checkout.js';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';
import { notYet, until } from './until.js';
import type { Workshop } from './workshop.js';

export interface HandStarted {
  readonly child: ChildProcess;
  readonly tokenFile: string;
  log(): Promise<string>;
  /** Waits until its log says so. */
  says(what: RegExp): Promise<string>;
}

/** An agent as somebody starts it by hand, with everything in a directory of its own. `before` is a program that starts it. */
export async function startAgentByHand(workshop: Workshop, name: string, coordinator: string, token: string, before: readonly string[] = []): Promise<HandStarted> {
  const directory = join(workshop.directory, name);
  await mkdir(directory, { mode: 0o700 });
  await writeFile(join(directory, 'token'), `${token}\n`, { mode: 0o600 });
  return runAgent(workshop, name, coordinator, before);
}

/** The same in a directory that is there already. */
export function runAgent(workshop: Workshop, name: string, coordinator: string, before: readonly string[] = []): HandStarted {
  const directory = join(workshop.directory, name);
  const tokenFile = join(directory, 'token');
  const path = join(workshop.directory, `${name}.log`);
  const output = openSync(path, 'a');
  const [program = '', ...words] = [...before, launchers.agent, '--coordinator', coordinator, '--directory', directory, '--join-token-file', tokenFile, '--address', '127.0.0.1'];
  const child = spawnPlain(program, words, usualEnvironment(), { stdio: ['ignore', output, output] });
  closeSync(output);
  const log = async (): Promise<string> => await readFile(path, 'utf8');
  const says = (what: RegExp): Promise<string> => until(`${name} says ${String(what)}`, async () => {
    const said = await log();
    return what.test(said) ? said : notYet(said.slice(-2_000));
  });
  return { child, tokenFile, log, says };
}
