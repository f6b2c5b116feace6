import { createInterface } from 'node:readline/promises';
import { WombatError } from '@wombat/proto';
import type { Runtime } from '../runtime.js';
import { sanitise } from '../output/sanitise.js';

/** Asks before something is destroyed. @throws WombatError WO_CONFIRMATION_NEEDED when nobody can be asked, or says no */
export async function confirm(runtime: Runtime, what: string): Promise<void> {
  if (runtime.flags.yes) return;
  const answer = await ask(runtime, `${what}. Go on? [y/N] `);
  if (answer === undefined) throw new WombatError('WO_CONFIRMATION_NEEDED', `${what}; there is no terminal to ask on`);
  if (!/^y(es)?$/i.test(answer.trim())) throw new WombatError('WO_CONFIRMATION_NEEDED', `${what}; the answer was no`);
}

/** What is typed on the terminal; `undefined` when there is none, or --no-input says not to ask. */
export async function ask(runtime: Runtime, question: string, signal = runtime.signal): Promise<string | undefined> {
  const { stdin, stderr } = runtime.io;
  if (runtime.flags.noInput || stdin.isTTY !== true || stderr.isTTY !== true) return undefined;
  const lines = createInterface({ input: stdin, output: stderr });
  // readline takes Ctrl-C of a terminal for itself.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await lines.question(sanitise(question), { signal });
  } catch (error) {
    throw signal.aborted ? (signal.reason as Error) : error;
  } finally {
    lines.close();
  }
}
