import t, { type Test } from 'tap';
import { durationFromMs, randomIds, WombatError } from '@wombat/proto';
import type { CreateJoinTokenRequest, CreateJoinTokenResponse, ListJoinTokensRequest, ListJoinTokensResponse, RevokeJoinTokenRequest, RevokeJoinTokenResponse } from '@wombat/proto/control';
import { HeldClock, newTestKey, openTestIdentities } from '../../auth/testing.js';
import type { InstalledHost } from '../../installer/installer.js';
import { unary } from '../../testing/calls.js';
import { change, row } from '../../testing/test-store.js';
import { tokenService } from './token-service.js';

const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };

async function setting(test: Test, packages = true) {
  const clock = new HeldClock();
  const { store, identities } = await openTestIdentities(test, { clock });
  const installer = {
    async script(host?: InstalledHost): Promise<string> {
      if (!packages) throw new WombatError('WO_AGENT_PACKAGE_MISSING', 'no packages');
      return host ? `${host.hostId} joins with ${host.joinToken}` : '';
    },
  };
  const service = tokenService({ store, clock, ids: randomIds, agentsAddress: () => 'wombat.example.org:7421', issuer: identities, installer });
  return {
    store, clock, identities,
    create: unary<CreateJoinTokenRequest, CreateJoinTokenResponse>(service, 'createJoinToken'),
    list: unary<ListJoinTokensRequest, ListJoinTokensResponse>(service, 'listJoinTokens'),
    revoke: unary<RevokeJoinTokenRequest, RevokeJoinTokenResponse>(service, 'revokeJoinToken'),
  };
}

void t.test('a token comes with the row of its host, and lets one machine in', async (test) => {
  const { store, identities, create, list } = await setting(test);
  const { joinToken, token } = await create({ hostName: 'rack 7', validFor: durationFromMs(60_000) });
  test.match(token, /^wo1\./);
  test.match(await row(store, 'hosts', joinToken!.hostId), { name: 'rack 7', phase: 'booting', providerId: '', desired: 'present' });
  const secret = token.split('.').at(-1)!;
  const shown = JSON.stringify([joinToken, await list({})], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  test.notOk(shown.includes(secret), 'no answer but the first holds the secret');
  const enrolled = await identities.enrol({ token, csr: (await newTestKey()).csr, peer: '127.0.0.1:9' });
  test.equal(enrolled.hostId, joinToken!.hostId);
  test.ok((await list({})).joinTokens[0]?.usedAt, 'its use is told');
});

void t.test('a script that joins the machine comes where it is asked for; without packages there is neither script nor host', async (test) => {
  const { create } = await setting(test);
  const { joinToken, token, installScript } = await create({ hostName: 'rack 7', withInstallScript: true });
  test.equal(installScript, `${joinToken?.hostId} joins with ${token}`);
  test.equal((await create({ hostName: 'rack 8' })).installScript, '', 'not asked for');
  const bare = await setting(test, false);
  await test.rejects(bare.create({ hostName: 'rack 7', withInstallScript: true }), { code: 'WO_AGENT_PACKAGE_MISSING' });
  test.equal(await bare.store.read.hosts.count({}), 0, 'what is refused leaves no host');
});

void t.test('names of hosts are given once, and a dry run makes nothing', async (test) => {
  const { store, create } = await setting(test);
  await create({ hostName: 'rack 7', mutation: dryRun });
  test.same([await store.read.hosts.count({}), await store.read.joinTokens.count({})], [0, 0]);
  await create({ hostName: 'rack 7' });
  await test.rejects(create({ hostName: 'rack 7' }), { code: 'WO_NAME_TAKEN' });
  for (const hostName of ['', 'host-aaaaaaaaaaaa', 'a\nb']) await test.rejects(create({ hostName }), { code: 'WO_NAME_INVALID' }, JSON.stringify(hostName));
  test.equal(await store.read.joinTokens.count({}), 1, 'what is refused leaves no token');
});

void t.test('a revoked token lets nobody in; a dry run revokes none', async (test) => {
  const { identities, create, revoke } = await setting(test);
  const { joinToken, token } = await create({ hostName: 'rack 7' });
  const csr = (await newTestKey()).csr;
  test.ok((await revoke({ joinToken: joinToken!.metadata!.id, mutation: dryRun })).joinToken?.revokedAt, 'what would be');
  await identities.enrol({ token, csr, peer: '127.0.0.1:9' });
  const second = await create({ hostName: 'rack 8' });
  await revoke({ joinToken: second.joinToken!.metadata!.id });
  await test.rejects(identities.enrol({ token: second.token, csr, peer: '127.0.0.1:9' }), { code: 'WO_TOKEN_REFUSED' });
  await test.rejects(revoke({ joinToken: 'nobody' }), { code: 'WO_NOT_FOUND', hint: /wo token list/ });
});

void t.test('a machine that was removed may come back under its name', async (test) => {
  const { store, create } = await setting(test);
  const name = 'rack '.repeat(12).trim();
  const first = (await create({ hostName: name })).joinToken!.hostId;
  await change(store, 'hosts', first, { phase: 'gone', desired: 'absent' });
  const second = (await create({ hostName: name })).joinToken!.hostId;
  test.equal((await row(store, 'hosts', second)).name, name);
  const former = await row(store, 'hosts', first);
  test.match(former, { phase: 'gone', name: new RegExp(`^rack .*${first}$`) }, 'its history stays, and can be told apart');
  test.ok(former.name.length <= 64);
});
