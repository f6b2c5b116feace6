import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import type { Clock } from '@wombat/proto';
import { openSqliteStore } from '../store/sqlite/open.js';
import { CertificateAuthority } from './certificate-authority.js';
import { ensureClusterId } from './cluster-id.js';
import { ServerCertificate } from './server-certificate.js';
import { HeldClock } from './testing.js';

const log = pino({ level: 'silent' });
const hourMs = 60 * 60 * 1000;

void t.test('the certificate of the coordinator is renewed at two thirds of its life, for as long as it runs', async (test) => {
  const held = new HeldClock(Math.floor(Date.now() / 1000) * 1000);
  const stop = new AbortController();
  const renewals: number[] = [];
  const started = held.now();
  // Sleeping turns the clock, and gives the loop of events a turn.
  const clock: Clock = {
    now: () => held.now(),
    monotonic: () => held.monotonic(),
    sleep: async (ms) => {
      held.turn(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const authority = await CertificateAuthority.load({ directory: test.testdir(), clusterId: 'testcluster1', clock });
  const certificate = await ServerCertificate.issue({ authority, clock, log, lifetimeMs: 72 * hourMs });
  const first = new X509Certificate(certificate.current.chainPem).serialNumber;
  certificate.onRenewed((pair) => {
    renewals.push(held.now() - started);
    test.ok(pair.notAfter - held.now() > 71 * hourMs, 'the new one lives as long');
    if (renewals.length === 3) stop.abort();
  });
  await certificate.run(stop.signal);
  test.same(renewals, [48 * hourMs, 96 * hourMs, 144 * hourMs], 'each at two thirds, although sleeps are at most a day');
  test.not(new X509Certificate(certificate.current.chainPem).serialNumber, first, 'another certificate');
});

void t.test('a failed renewal is tried again, and the old certificate serves on', async (test) => {
  const clock = new HeldClock();
  const stop = new AbortController();
  const authority = await CertificateAuthority.load({ directory: test.testdir(), clusterId: 'testcluster1', clock });
  const certificate = await ServerCertificate.issue({ authority, clock, log });
  const before = certificate.current;
  let failures = 0;
  const issue = authority.issueServerKeyPair.bind(authority);
  authority.issueServerKeyPair = (...parameters) => {
    failures += 1;
    if (failures <= 3) return Promise.reject(new Error('no entropy today'));
    stop.abort();
    return issue(...parameters);
  };
  await certificate.run(stop.signal);
  test.equal(failures, 4, 'three failures, then it went well');
  test.not(certificate.current, before, 'renewed in the end');
});

void t.test('the cluster id is made once', async (test) => {
  const file = join(test.testdir(), 'wombat.db');
  const store = await openSqliteStore({ file, clock: new HeldClock() });
  test.teardown(() => store.close());
  const all = await Promise.all([1, 2, 3].map(() => ensureClusterId(store)));
  test.match(all[0], /^[a-z2-7]{12}$/, 'fit for tags and certificates');
  test.same(new Set(all).size, 1, 'one for all');
  test.equal(await ensureClusterId(store), all[0], 'and for ever');
});
