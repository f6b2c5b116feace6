import type { RequestLog, RequestRecord } from '../store.js';
import type { Database } from './collection.js';
import type { RequestRow } from './tables.js';

export class KyselyRequestLog implements RequestLog {
  constructor(protected readonly database: Database) {}

  async get(key: string): Promise<RequestRecord | undefined> {
    const row = await this.database.selectFrom('requests').selectAll().where('key', '=', key).executeTakeFirst();
    return row && fromRow(row);
  }
}

export class WritableKyselyRequestLog extends KyselyRequestLog {
  async put(record: RequestRecord): Promise<void> {
    const row = toRow(record);
    await this.database
      .insertInto('requests')
      .values(row)
      .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
      .execute();
  }

  async dropExpired(now: number, limit: number): Promise<number> {
    const expired = this.database.selectFrom('requests').select('key').where('expires_at', '<=', now).orderBy('expires_at').limit(limit);
    const result = await this.database.deleteFrom('requests').where('key', 'in', expired).executeTakeFirst();
    return Number(result.numDeletedRows);
  }
}

function toRow({ key, requestHash, expiresAt, results, answer }: RequestRecord): RequestRow {
  return { key, request_hash: requestHash, expires_at: expiresAt, results: results ?? null, answer: answer ?? null };
}

function fromRow(row: RequestRow): RequestRecord {
  return {
    key: row.key,
    requestHash: row.request_hash,
    expiresAt: Number(row.expires_at),
    ...(row.results === null ? {} : { results: row.results }),
    ...(row.answer === null ? {} : { answer: row.answer }),
  };
}
