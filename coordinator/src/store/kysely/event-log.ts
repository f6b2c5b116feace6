import { sql } from 'kysely';
import type { Event, NewEvent } from '../../domain/model/event.js';
import type { EventLog, EventQuery } from '../store.js';
import type { Database, WriteHooks } from './collection.js';
import type { EventRow } from './tables.js';

/** Name of the counter that hands out sequence numbers, inside the transaction that uses them. */
export const sequenceCounter = 'events';

export class KyselyEventLog implements EventLog {
  constructor(private readonly database: Database) {}

  async list(query: EventQuery): Promise<Event[]> {
    let select = this.database.selectFrom('events').selectAll().where('sequence', '>', query.afterSequence);
    if (query.operationId) select = select.where('operation_id', '=', query.operationId);
    if (query.familyId) select = select.where('family_id', '=', query.familyId);
    if (query.hostId) select = select.where('host_id', '=', query.hostId);
    if (query.nodeId) select = select.where('node_id', '=', query.nodeId);
    if (query.typePrefix) select = select.where('type', '>=', query.typePrefix).where('type', '<', `${query.typePrefix}~`);
    const rows = await select.orderBy('sequence', query.newest ? 'desc' : 'asc').limit(query.limit).execute();
    return (query.newest ? rows.reverse() : rows).map(fromRow);
  }

  async lastSequence(): Promise<number> {
    const row = await this.database.selectFrom('counters').select('value').where('name', '=', sequenceCounter).executeTakeFirst();
    return Number(row?.value ?? 0);
  }

  async oldestKept(): Promise<number> {
    const row = await this.database.selectFrom('events').select(sql<number>`min(sequence)`.as('oldest')).executeTakeFirst();
    return Number(row?.oldest ?? 0);
  }
}

/** Numbers and writes events; `first` is the sequence number of the first of them. */
export async function writeEvents(database: Database, first: number, { now, turn }: Pick<WriteHooks, 'now' | 'turn'>, events: readonly NewEvent[]): Promise<Event[]> {
  const time = now();
  const numbered = events.map((event, index) => complete(event, first + index, time));
  for (let start = 0; start < numbered.length; start += 100) {
    const portion = numbered.slice(start, start + 100);
    await database.insertInto('events').values(portion.map(toRow)).execute();
    await turn(portion.length);
  }
  return numbered;
}

/** From the oldest on, so that what is kept stays gapless. */
export async function dropEvents(database: Database, upToSequence: number, limit: number): Promise<number> {
  const oldest = database.selectFrom('events').select('sequence').where('sequence', '<=', upToSequence).orderBy('sequence').limit(limit);
  const result = await database.deleteFrom('events').where('sequence', 'in', oldest).executeTakeFirst();
  return Number(result.numDeletedRows);
}

function complete(event: NewEvent, sequence: number, time: number): Event {
  return { operationId: '', familyId: '', hostId: '', nodeId: '', payload: {}, payloadVersion: 1, ...event, sequence, time };
}

function toRow(event: Event): EventRow {
  const { sequence, time, type, operationId, familyId, hostId, nodeId, ...body } = event;
  return { sequence, time, type, operation_id: operationId, family_id: familyId, host_id: hostId, node_id: nodeId, body: JSON.stringify(body) };
}

function fromRow(row: EventRow): Event {
  return {
    sequence: Number(row.sequence),
    time: Number(row.time),
    type: row.type,
    operationId: row.operation_id,
    familyId: row.family_id,
    hostId: row.host_id,
    nodeId: row.node_id,
    ...(JSON.parse(row.body) as Pick<Event, 'subjectId' | 'subjectName' | 'reason' | 'message' | 'payload' | 'payloadVersion'>),
  };
}
