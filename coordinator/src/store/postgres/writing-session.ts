import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { WombatError } from '@wombat/proto';
import type { Database } from '../kysely/collection.js';
import { checkParameters } from '../kysely/parameters.js';
import type { Schema } from '../kysely/tables.js';
import { clientOptions, type PostgresLogin } from './connection.js';
import { asStoreError, isAway } from './errors.js';
import { takeLock } from './lock.js';

/** Counts the transactions, so that it can be told whether one was kept whose commit was not answered. */
const commitCounter = 'commits';
const oldestServer = 13;

/** An acknowledged write outlives a power cut; of a coordinator that is cut off, the server notices after 25 s. */
const settings = `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
  set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; set tcp_user_timeout = 25000`;

/** The one connection that writes, and with it the lock of the database. */
export class WritingSession {
  readonly database: Database;
  #isLost = false;

  /** @throws WombatError WO_IN_USE, WO_STORE_UNUSABLE, or what the connection failed with */
  static async open(login: PostgresLogin, onLost: (error: unknown) => void): Promise<WritingSession> {
    const client = new pg.Client(clientOptions(login));
    const session = new WritingSession(client, onLost);
    try {
      await client.connect();
      await checkServer(client);
      await client.query(settings);
      await takeLock(client, login.applicationName);
      return session;
    } catch (error) {
      session.#isLost = true;
      await session.end();
      throw error;
    }
  }

  private constructor(
    private readonly client: pg.Client,
    private readonly onLost: (error: unknown) => void,
  ) {
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('the connection has ended')));
    const query = <R>(text: string, parameters: readonly unknown[]): Promise<R> => this.#ask(text, parameters) as Promise<R>;
    const one = { query, release: () => undefined } as unknown as PostgresPoolClient;
    this.database = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: { connect: () => Promise.resolve(one), end: () => Promise.resolve() } }) });
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  async begin(): Promise<void> {
    await this.#ask('begin');
  }

  /** Gives the transaction its number, with the same message to the server. */
  async commit(number: number): Promise<void> {
    await this.#ask(`update counters set value = ${number} where name = '${commitCounter}'; commit`);
  }

  async rollback(): Promise<void> {
    await this.#ask('rollback');
  }

  /** Number of the last transaction that was kept. */
  async lastCommit(): Promise<number> {
    await this.database.insertInto('counters').values({ name: commitCounter, value: 0 }).onConflict((conflict) => conflict.doNothing()).execute();
    const row = await this.database.selectFrom('counters').select('value').where('name', '=', commitCounter).executeTakeFirstOrThrow();
    return Number(row.value);
  }

  /** Gives up the connection: what was under way on it is not known. */
  drop(error: unknown): void {
    this.#lose(error);
    void this.end();
  }

  async end(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }

  async #ask(text: string, parameters: readonly unknown[] = []): Promise<unknown> {
    checkParameters(parameters);
    try {
      // Without parameters several statements may be sent at once.
      return await (parameters.length === 0 ? this.client.query(text) : this.client.query(text, [...parameters]));
    } catch (error) {
      // Nothing that would wait behind it is to be asked on this connection.
      if (isAway(error)) this.drop(error);
      throw asStoreError(error);
    }
  }

  #lose(error: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.onLost(error);
  }
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string; encoding: string }>("select current_setting('server_version') as version, current_setting('server_encoding') as encoding");
  const { version, encoding } = rows[0]!;
  if (parseInt(version) < oldestServer) throw new WombatError('WO_STORE_UNUSABLE', `the server is PostgreSQL ${version}, and ${oldestServer} or newer is needed`);
  if (encoding !== 'UTF8') throw new WombatError('WO_STORE_UNUSABLE', `the database has the encoding ${encoding}, and UTF8 is needed`, { hint: "create it with: encoding 'UTF8'" });
}
