import { WombatError } from '@wombat/proto';
import type pg from 'pg';

/** "wombat" in ASCII. Advisory locks are those of one database. */
const lockKey = 0x776f6d626174;

interface Holder {
  readonly pid: number;
  readonly application: string;
  readonly address: string | null;
  readonly since: Date;
}

/**
 * Whoever writes holds the lock of the database, on the connection that it writes with: with the connection goes the lock, so
 * a coordinator that was cut off can write nothing once another has taken over.
 * @throws WombatError WO_IN_USE
 */
export async function takeLock(client: pg.Client, applicationName: string): Promise<void> {
  if (await tryLock(client)) return;
  const holder = await findHolder(client);
  // A connection of our own that was lost without the server noticing.
  if (holder?.application === applicationName) {
    await client.query('select pg_terminate_backend($1, 2000)', [holder.pid]);
    if (await tryLock(client)) return;
  }
  const who = holder ? ` (process ${holder.pid} of the server, from ${holder.address ?? 'its own machine'}, since ${holder.since.toISOString()})` : '';
  throw new WombatError('WO_IN_USE', `another coordinator works with the database${who}`, {
    hint: 'stop it, or give this one a database of its own; of one that was cut off, the server notices within half a minute',
  });
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [lockKey]);
  return rows[0]!.locked;
}

async function findHolder(client: pg.Client): Promise<Holder | undefined> {
  const { rows } = await client.query<Holder>(
    `select activity.pid, activity.application_name as application, host(activity.client_addr) as address, activity.backend_start as since
     from pg_locks held join pg_stat_activity activity on activity.pid = held.pid
     where held.locktype = 'advisory' and held.granted and (held.classid::bigint << 32 | held.objid::bigint) = $1
       and held.database = (select oid from pg_database where datname = current_database())`,
    [lockKey],
  );
  return rows[0];
}
