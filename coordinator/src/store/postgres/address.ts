/** Where a database of PostgreSQL is, as whom it is used, and how it is known to be the right one. No password is in it. */
export interface PostgresAddress {
  /** A name or address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Undefined: the connection is not encrypted. `authorityFile`: PEM of who signs the server's certificate, if not one that Node knows. */
  readonly tls: { readonly authorityFile: string | undefined } | undefined;
}

/** "user@host:port/database", for messages. */
export function describePostgres({ host, port, user, database }: PostgresAddress): string {
  return `${user}@${host}:${port}/${database}`;
}
