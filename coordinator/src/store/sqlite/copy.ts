import { WombatError } from '@wombat/proto';
import { Sqlite } from './driver.js';

/** Pages of 4 KiB for each turn: a few milliseconds. */
const pagesPerTurn = 500;

/** Copies a store that is being written to, as it is at this moment. */
export async function copySqliteStore(file: string, to: string): Promise<void> {
  const connection = new Sqlite(file, { readonly: true });
  try {
    // Holds one state of the store: without it each write of others would begin the copy anew.
    connection.exec('begin');
    connection.prepare('select count(*) from meta').get();
    await connection.backup(to, { progress: () => pagesPerTurn });
  } finally {
    connection.close();
  }
}

/** Answers what is wrong with the file, in SQLite's words; nothing when it is whole. */
export function checkSqliteStore(file: string): string | undefined {
  try {
    const connection = new Sqlite(file, { readonly: true });
    try {
      const answer = connection.pragma('quick_check(1)', { simple: true });
      return answer === 'ok' ? undefined : String(answer);
    } finally {
      connection.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Higher than anything asked for since a backup. */
const ahead = { generations: 1_000_000, numbers: 1_000 } as const;

/**
 * Makes a restored store newer than what was done after its backup: agents take its wishes, and no number (of a node, a port, a
 * name) is given to a second one. Events go on without a gap.
 */
export function moveAhead(file: string): void {
  const connection = new Sqlite(file);
  try {
    connection.transaction(() => {
      connection.prepare("update nodes set generation = generation + ? where phase <> 'gone'").run(ahead.generations);
      connection.prepare("update counters set value = value + ? where name <> 'events'").run(ahead.numbers);
    })();
  } catch (error) {
    throw new WombatError('WO_BACKUP_INVALID', `the store of the backup cannot be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    connection.close();
  }
}
