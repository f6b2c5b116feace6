import { describeProcess, isAgent, isAlive, isCoordinator, isWo, processesIn, signalProcess, type Process } from './processes.js';
import { notYet, until } from './until.js';

/** Ends every process of the directory, first those that would start the others again, and answers what had to be ended. */
export async function endProcessesIn(directory: string): Promise<Process[]> {
  const ended: Process[] = [];
  for (let round = 0; round < 20; round += 1) {
    const found = processesIn(directory);
    if (found.length === 0) return ended;
    const targets = [isWo, isCoordinator, isAgent].map((which) => found.filter(which)).find((some) => some.length > 0) ?? found;
    for (const target of targets) signalProcess(target, 'SIGKILL');
    await until('killed processes are gone', () => stillThere(targets), { withinMs: 10_000, everyMs: 10 });
    ended.push(...targets);
  }
  throw new Error(`processes are left: ${processesIn(directory).map(describeProcess).join('; ')}`);
}

function stillThere(targets: readonly Process[]): true | ReturnType<typeof notYet> {
  const left = targets.filter(isAlive);
  return left.length === 0 ? true : notYet(left.map(describeProcess));
}
