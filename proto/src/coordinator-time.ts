import { X509Certificate } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { clockSkewError, isSkewed } from './clock-skew.js';
import type { WombatError } from './errors/wombat-error.js';

export interface CoordinatorPlace {
  readonly host: string;
  readonly port: number;
  /** PEM of the authorities that are trusted. */
  readonly authorities: string;
  /** The name in the coordinator's certificate. */
  readonly name: string;
}

const timeoutMs = 5_000;

/** Whether TLS has failed for what the clock says of the coordinator's certificate. */
export function isTimeRefusal(text: string): boolean {
  return /certificate (is not yet valid|has expired)/i.test(text);
}

/**
 * To be asked when TLS has failed for the time of a certificate: WO_CLOCK_SKEW with the offset when it is the clocks
 * that differ, else undefined. Whoever answers must hold a certificate of the authority, whatever its times are.
 */
export async function skewBehind(place: CoordinatorPlace, whose: string, now: () => number, cause: unknown): Promise<WombatError | undefined> {
  const told = await dateAt(place).catch(() => undefined);
  if (told === undefined) return undefined;
  const skewMs = now() - told;
  return isSkewed(skewMs) ? clockSkewError(whose, skewMs, cause) : undefined;
}

/** Every answer over HTTP/2 has a date, also that no such method exists; nothing secret is sent for it. */
async function dateAt(place: CoordinatorPlace): Promise<number | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = await connected(place, signal);
  try {
    if (!isSigned(socket, place)) return undefined;
    const date = Date.parse(await dateOver(socket, place.name, signal));
    return Number.isNaN(date) ? undefined : date;
  } finally {
    socket.destroy();
  }
}

function connected({ host, port, name }: CoordinatorPlace, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // The times of the certificate are in doubt; the rest of it is judged by isSigned.
    const socket = connect({ host, port, servername: name, rejectUnauthorized: false, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' }, () => resolve(socket));
    socket.on('error', reject);
    signal.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true });
  });
}

function isSigned(socket: TLSSocket, { authorities, name }: CoordinatorPlace): boolean {
  const leaf = new X509Certificate(socket.getPeerCertificate(true).raw);
  const trusted = (authorities.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((pem) => new X509Certificate(pem));
  return leaf.checkHost(name) !== undefined && trusted.some((authority) => leaf.checkIssued(authority) && leaf.verify(authority.publicKey));
}

function dateOver(socket: TLSSocket, name: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${name}`, { createConnection: () => socket });
    session.on('error', reject);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    const stream = session.request({ ':method': 'POST', ':path': '/wombat/time', 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', reject);
    stream.on('response', (headers) => resolve(String(headers.date ?? '')));
    stream.end();
  });
}
