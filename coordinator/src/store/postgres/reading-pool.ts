import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { backoffMs } from '@wombat/proto';
import { checkParameters } from '../kysely/parameters.js';
import { clientOptions, type PostgresLogin } from './connection.js';
import { asStoreError, isAway } from './errors.js';

const connections = 8;
const retry = { initialMs: 50, maximumMs: 1_000 } as const;

/**
 * Connections that read what is committed. What is read can be read again: a question whose connection breaks is asked on another
 * one, for `patienceMs` altogether.
 */
export class ReadingPool implements PostgresPool {
  readonly #pool: pg.Pool;
  #isClosed = false;

  constructor(
    login: PostgresLogin,
    private readonly patienceMs: number,
  ) {
    this.#pool = new pg.Pool({ ...clientOptions(login), options: '-c default_transaction_read_only=on', max: connections });
    // One that breaks while nobody uses it is taken out of the pool, and nobody need know.
    this.#pool.on('error', () => undefined);
  }

  connect(): Promise<PostgresPoolClient> {
    const client = { query: (text: string, parameters: readonly unknown[]) => this.#ask(text, parameters), release: () => undefined };
    return Promise.resolve(client as unknown as PostgresPoolClient);
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    await this.#pool.end();
  }

  async #ask(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    checkParameters(parameters);
    const end = performance.now() + this.patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#pool.query(text, [...parameters]);
      } catch (error) {
        if (!isAway(error) || this.#isClosed || performance.now() > end) throw asStoreError(error);
      }
      await delay(backoffMs(attempt, retry));
    }
  }
}
