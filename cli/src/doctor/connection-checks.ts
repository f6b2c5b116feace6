import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { wombatVersion } from '@wombat/proto';
import type { Finding, GetVersionResponse } from '@wombat/proto/control';
import type { Credentials } from '../control/credentials.js';
import { brief } from '../output/time.js';
import { isFarApart } from '../version-skew.js';
import { fail, pass, warn } from './finding.js';

const timeoutMs = 5_000;
const longestSkewMs = 5 * 60_000;

/** Name, connection and certificate, each on what the one before has found; the first that fails is the last. */
export async function connectionFindings({ address, caPem, serverName }: Credentials, signal: AbortSignal): Promise<Finding[]> {
  const at = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))];
  const findings: Finding[] = [];
  for (const check of [
    () => nameFinding(host),
    () => reach('tcp', address, connectTcp({ host, port }), 'connect', signal),
    () => reach('tls', address, connectTls({ host, port, ca: caPem, servername: serverName, ALPNProtocols: ['h2'] }), 'secureConnect', signal),
  ]) {
    const finding = await check();
    findings.push(finding);
    if (finding.hint !== '') break;
  }
  return findings;
}

async function nameFinding(host: string): Promise<Finding> {
  if (isIP(host)) return pass('name', `${host} needs no name service`);
  try {
    const found = await lookup(host, { all: true });
    return pass('name', `${host} is ${found.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    return fail('name', `${host} is not known (${(error as NodeJS.ErrnoException).code})`, 'check the address of the context, and the name service of this machine', 'WO_COORDINATOR_UNREACHABLE');
  }
}

function reach(check: 'tcp' | 'tls', address: string, socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<Finding> {
  return new Promise((resolve) => {
    const end = (finding: Finding): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(finding);
    };
    const failed = (why: string): void => end(fail(check, `${address}: ${why}`, hints[check], check === 'tls' ? 'WO_CA_MISMATCH' : 'WO_COORDINATOR_UNREACHABLE'));
    const onAbort = (): void => failed('interrupted');
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(timeoutMs, () => failed(`no answer in ${timeoutMs / 1000} s`));
    socket.on('error', (error: NodeJS.ErrnoException) => failed(error.message || String(error.code)));
    socket.once(event, () => end(pass(check, check === 'tcp' ? `${address} answers` : 'the certificate is signed by the authority of the context')));
  });
}

const hints = {
  tcp: 'check that the coordinator runs (wo coordinator), that it listens there (control.address, advertise.control), and that no firewall is between',
  tls: 'the context has the authority of another coordinator, or somebody is in between: compare the sha256 with that of ca/ca.crt on its machine',
} as const;

export interface Answered {
  readonly version: GetVersionResponse;
  /** By how much the coordinator's clock is ahead of ours, give or take half of the round trip. */
  readonly skewMs: number | undefined;
  readonly roundTripMs: number;
}

export function answerFindings({ version, skewMs, roundTripMs }: Answered): Finding[] {
  const versions = `wo ${wombatVersion}, coordinator ${version.version}`;
  return [
    pass('token', `the coordinator knows it, and answered in ${brief(roundTripMs)}`),
    isFarApart(wombatVersion, version.version) ? warn('version', versions, 'more than one minor version apart: upgrade the older of the two', 'WO_VERSION_SKEW') : pass('version', versions),
    ...(skewMs === undefined ? [] : [clockFinding(skewMs, roundTripMs)]),
  ];
}

function clockFinding(skewMs: number, roundTripMs: number): Finding {
  const size = Math.abs(skewMs);
  if (size <= Math.max(1_000, roundTripMs)) return pass('clock', 'as the coordinator\'s, to a second');
  const message = `this clock is ${Math.round(size / 1000)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the coordinator's`;
  if (size > longestSkewMs) return fail('clock', message, 'set the clock that is wrong, for example with chrony', 'WO_CLOCK_SKEW');
  return warn('clock', message, 'set the clock that is wrong, for example with chrony');
}
