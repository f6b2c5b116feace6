import { createInterface } from 'node:readline/promises';
import { WombatError } from '@wombat/proto';
import type { Runtime } from '../runtime.js';
import { sanitise } from '../output/sanitise.js';

/**
 * Asks before something is destroyed: what was named has to be named again; where it is several, "yes" has to be typed.
 * @throws WombatError WO_CONFIRMATION_NEEDED when nobody can be asked, or says something else
 */
export async function confirm(runtime: Runtime, what: string, names: readonly string[]): Promise<void> {
  if (runtime.flags.yes) return;
  const [wanted, question] = names.length === 1 ? [names[0]!, `type its name (${names[0]})`] : ['yes', 'type yes'];
  const answer = await ask(runtime, `${what}. To go on, ${question}: `);
  if (answer === undefined) throw new WombatError('WO_CONFIRMATION_NEEDED', `${what}; there is no terminal to ask on`, { hint: 'give --yes' });
  if (answer.trim() !== wanted.trim()) throw new WombatError('WO_CONFIRMATION_NEEDED', `${what}; the answer was no`, { hint: 'type the name as you gave it, or give --yes' });
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
