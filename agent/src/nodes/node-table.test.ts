import { join } from 'node:path';
import { newId, WombatError } from '@wombat/proto';
import { DesiredState, type Assignment, type Assignments } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { memoryLog } from '../testing/log-memory.js';
import { ManualClock } from '../testing/manual-clock.js';
import { until } from '../testing/until.js';
import { NodeJournal } from './node-journal.js';
import type { NodeServices } from './node-services.js';
import { NodeTable, nodeJournalFile } from './node-table.js';

/** Its disk is full for as long as that is said. */
class JournalOnFullDisk extends NodeJournal {
  isFull = false;

  override async assign(assignments: readonly Assignment[], syncId: bigint | undefined): Promise<void> {
    if (this.isFull) throw new WombatError('WO_DISK_FULL', 'no space left for the journal');
    return super.assign(assignments, syncId);
  }
}

async function tableIn(t: Test): Promise<{ table: NodeTable; journal: JournalOnFullDisk; clock: ManualClock; lines: readonly string[] }> {
  const directory = join(t.testdir(), 'agent');
  const clock = new ManualClock();
  const journal = new JournalOnFullDisk({ file: nodeJournalFile(directory), clock });
  const { log, lines } = memoryLog();
  // Nodes that are stopped from the beginning need nothing else.
  const services = { directory, hostId: newId('host'), clock, log, journal, releases: { prune: async () => undefined }, onStatus: () => undefined } as unknown as NodeServices;
  const table = new NodeTable(services);
  await table.open();
  return { table, journal, clock, lines };
}

function frameOf(syncId: bigint, ...assignments: readonly [nodeId: string, generation: bigint][]): Assignments {
  return {
    syncId, fullSync: false, first: false, last: false,
    assignments: assignments.map(([nodeId, generation]) => ({ nodeId, generation, desired: DesiredState.STOPPED, restartGeneration: 0n, spec: undefined, keepData: false })),
  };
}

t.test('a full disk is waited for, and what came meanwhile keeps its order', async (t) => {
  const { table, journal, clock, lines } = await tableIn(t);
  const nodeId = newId('node');
  journal.isFull = true;
  const first = table.assign(frameOf(1n, [nodeId, 1n]));
  // From another session, say.
  const second = table.assign(frameOf(2n, [nodeId, 2n]));
  await until(() => clock.pending().length > 0, 'the table to wait');
  clock.advance(60_000);
  await until(() => clock.pending().length > 0, 'the table to wait again');
  t.equal(table.nodes().length, 0, 'nothing is done before it is written down');
  t.equal(lines.length, 1, 'and that is told once');
  journal.isFull = false;
  clock.advance(60_000);
  await Promise.all([first, second]);
  t.equal(table.get(nodeId)?.assignment.generation, 2n);
  t.equal(journal.syncId, 2n);
  await table.close();
});

t.test('an agent that ends waits for no disk', async (t) => {
  const { table, journal } = await tableIn(t);
  journal.isFull = true;
  const assigned = table.assign(frameOf(1n, [newId('node'), 1n]));
  const closed = table.close();
  await t.rejects(assigned, { code: 'WO_CANCELLED' });
  await closed;
});

t.test('one frame that cannot be taken does not stop the next', async (t) => {
  const { table } = await tableIn(t);
  await t.rejects(table.assign(frameOf(1n, ['../../etc', 1n])), { code: 'WO_INVALID_ARGUMENT' });
  const nodeId = newId('node');
  await table.assign(frameOf(2n, [nodeId, 1n]));
  t.ok(table.get(nodeId));
  await table.close();
});

t.test('a lower number of restarts asks for none, and the higher one is told', async (t) => {
  const { table } = await tableIn(t);
  const nodeId = newId('node');
  const numbered = (generation: bigint, restartGeneration: bigint): Assignments => {
    const frame = frameOf(generation, [nodeId, generation]);
    return { ...frame, assignments: frame.assignments.map((each) => ({ ...each, restartGeneration })) };
  };
  await table.assign(numbered(1n, 4n));
  // As a coordinator does that was set up from a backup.
  await table.assign(numbered(2n, 1n));
  t.match(table.get(nodeId)?.assignment, { generation: 2n, restartGeneration: 4n }, 'the same restart');
  t.equal(table.get(nodeId)?.status.restartGeneration, 4n, 'so that the coordinator learns of it');
  await table.assign(numbered(3n, 5n));
  t.equal(table.get(nodeId)?.assignment.restartGeneration, 5n, 'a higher one is a wish');
  await table.close();
});
