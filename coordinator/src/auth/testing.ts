import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import type { Test } from 'tap';
import { randomIds, systemClock, type Clock } from '@wombat/proto';
import type { Store } from '../store/store.js';
import { openSqliteStore } from '../store/sqlite/open.js';
import { CertificateAuthority } from './certificate-authority.js';
import { CertificateIndex } from './certificate-index.js';
import { HostIdentities, type HostIdentitiesOptions } from './host-identities.js';
import type { Permission } from './identity.js';
import { OperatorGate, type OperatorGateOptions } from './operator-gate.js';
import { Operators } from './operators.js';
import { TokenUses } from './token-uses.js';
import { x509 } from './x509.js';

/** A clock that stands still until it is turned; sleeping turns it. */
export class HeldClock implements Clock {
  constructor(private time = Date.now()) {}
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
  turn(ms: number): void {
    this.time += ms;
  }
  sleep(ms: number): Promise<void> {
    this.turn(ms);
    return Promise.resolve();
  }
}

/** What a joining agent makes for itself. */
export interface TestKey {
  readonly keyPem: string;
  readonly csr: Buffer;
}

export async function newTestKey(): Promise<TestKey> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=agent', keys, signingAlgorithm });
  const keyPem = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { keyPem, csr: Buffer.from(request.rawData) };
}

/** The DER of the first certificate in a PEM chain. */
export function leafOf(chainPem: string): Buffer {
  return Buffer.from(x509.PemConverter.decodeFirst(chainPem));
}

export interface TestIdentities {
  readonly directory: string;
  readonly store: Store;
  readonly authority: CertificateAuthority;
  readonly index: CertificateIndex;
  readonly identities: HostIdentities;
}

/** Real store, real authority, real identities, in a directory that goes with the test. */
export async function openTestIdentities(
  test: Test,
  options: { clock?: Clock; directory?: string; clusterId?: string } & Partial<HostIdentitiesOptions> = {},
): Promise<TestIdentities> {
  const directory = options.directory ?? test.testdir();
  const clock = options.clock ?? systemClock;
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock });
  test.teardown(() => store.close());
  const authority = await CertificateAuthority.load({ directory, clusterId: options.clusterId ?? 'testcluster1', clock });
  const index = new CertificateIndex(store, clock);
  await index.load();
  const identities = new HostIdentities({ store, authority, index, clock, ids: randomIds, ...options });
  return { directory, store, authority, index, identities };
}

export interface TestOperators {
  readonly operators: Operators;
  readonly gate: OperatorGate;
  readonly uses: TokenUses;
  /** Answers the text of a new token. */
  issue(name: string, permissions: readonly Permission[], expiresAt?: number): Promise<{ readonly id: string; readonly text: string }>;
  revoke(id: string): Promise<void>;
}

/** Operators as the coordinator has them, over a store that is there. */
export async function openTestOperators(test: Test, store: Store, directory: string, options: Partial<Pick<OperatorGateOptions, 'clock' | 'calls' | 'failures'>> = {}): Promise<TestOperators> {
  const clock = options.clock ?? systemClock;
  const operators = new Operators({ store, clock, ids: randomIds, directory });
  const uses = new TokenUses(store, clock, (error) => test.error(error, 'uses are written'));
  await operators.load();
  await uses.load();
  test.teardown(() => operators.close());
  return {
    operators, uses, gate: new OperatorGate({ operators, uses, clock, ...options }),
    issue: (name, permissions, expiresAt) => store.transaction(async (transaction) => {
      const { token, text } = await operators.issue(transaction, { name, permissions, ...(expiresAt === undefined ? {} : { expiresAt }) });
      return { id: token.id, text };
    }),
    revoke: (id) => store.transaction(async (transaction) => void (await operators.revoke(transaction, (await transaction.operatorTokens.get(id))!, { force: false }))),
  };
}
