import { z } from 'zod';
import type { PostgresAddress } from '../store/postgres/address.js';
import { isLoopback } from './values.js';

const parameters = new Set(['sslmode', 'sslrootcert']);

/** `postgresql://USER@HOST:PORT/DATABASE`, as libpq writes it. What is given is not repeated when it does not fit: it may hold a password. */
export const postgresUrl: z.ZodType<PostgresAddress> = z.string().transform((text, context): PostgresAddress => {
  const address = read(text);
  if (typeof address !== 'string') return address;
  context.addIssue({ code: 'custom', message: address });
  return z.NEVER;
});

/** Answers what is wrong with it, or what it says. */
function read(text: string): PostgresAddress | string {
  const form = 'is not of the form postgresql://USER@HOST:PORT/DATABASE';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'postgresql:' && url?.protocol !== 'postgres:') return form;
  if (url.password !== '') return 'has a password in it, which everybody sees who sees the configuration: say store.password = "file:PATH" instead';
  const [host, user, database] = [decode(url.hostname), decode(url.username), decode(url.pathname.slice(1))];
  if (!host || !user || !database || database.includes('/')) return form;
  const unknown = [...url.searchParams.keys()].find((name) => !parameters.has(name));
  if (unknown !== undefined) return `has the parameter ${unknown.slice(0, 50)}, and only ${[...parameters].join(' and ')} are known`;
  const tls = readTls(host, url.searchParams);
  if (typeof tls === 'string') return tls;
  return { host, port: Number(url.port || 5432), user, database, tls: tls.authorityFile === null ? undefined : { authorityFile: tls.authorityFile } };
}

/** Beyond this machine it must be said whether the connection is encrypted. `authorityFile` is null where it is not. */
function readTls(host: string, given: URLSearchParams): { readonly authorityFile: string | null | undefined } | string {
  const mode = given.get('sslmode') ?? (isLocal(host) ? 'disable' : undefined);
  if (mode === undefined) return 'is on another machine, so it must say ?sslmode=verify-full, or ?sslmode=disable where nobody can listen in between';
  if (mode === 'disable') return given.has('sslrootcert') ? 'has sslrootcert, which is of use with sslmode=verify-full only' : { authorityFile: null };
  if (mode !== 'verify-full') return `has sslmode=${mode.slice(0, 50)}, and only verify-full and disable are known`;
  return { authorityFile: given.get('sslrootcert') ?? undefined };
}

/** A path is the directory of a Unix socket. */
function isLocal(host: string): boolean {
  return host.startsWith('/') || isLoopback(host);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text).replace(/^\[(.*)\]$/, '$1');
  } catch {
    return '';
  }
}
