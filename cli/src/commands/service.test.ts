import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { wombatVersion } from '@wombat/proto';
import { FindingLevel, GetVersionResponse } from '@wombat/proto/control';
import { FakeCoordinator, type Handlers } from '../testing/fake-coordinator.js';
import { runWo } from '../testing/run-wo.js';
import { caSha256Of } from '../control/pinned-authority.js';

const answering = (more: Partial<GetVersionResponse> = {}): Handlers => ({
  getVersion: () => GetVersionResponse.fromPartial({ version: wombatVersion, clusterId: 'c', nodeVersion: '20', time: new Date(), ...more }),
  diagnose: () => ({ findings: [{ level: FindingLevel.WARN, subject: 'coordinator', check: 'disk', message: '1 GiB free', hint: 'free space', code: 'WO_DISK_FULL' }] }),
});

async function coordinator(t: Test, handlers = answering()): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  fake.handlers = handlers;
  t.teardown(() => fake.stop());
  return fake;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

t.test('context add: tried, copied, and used when it is the first', async (t) => {
  const fake = await coordinator(t);
  const home = t.testdir({});
  const env = { WO_CONFIG_DIR: home, TOKEN: 'secret-operator-token' };
  const given = ['--control', fake.address, '--token', 'env:TOKEN'];
  const added = await runWo(undefined, ['context', 'add', 'production', ...given, '--ca', join(fake.configDirectory, 'ca.pem')], { env });
  t.match(added, { exit: 0, stderr: new RegExp(`context production is ${fake.address}, which answers: version ${wombatVersion}`) });
  t.same(fake.calls, ['getVersion'], 'it was asked');
  t.equal(modeOf(join(home, 'contexts/production/operator.token')), 0o600, 'the copy of the token is its owner\'s');
  t.equal((await runWo(undefined, ['version'], { env: { WO_CONFIG_DIR: home } })).exit, 0, 'the context is used, without anything else');
  t.match(await runWo(undefined, ['context', 'add', 'production', ...given, '--ca', 'x'], { env }), { exit: 8, stderr: /WO_NAME_TAKEN/ }, 'nothing is overwritten');
  const removed = await runWo(undefined, ['context', 'remove', 'production'], { env });
  t.match(removed, { exit: 0, stderr: /none is chosen now/ });
  t.same(readdirSync(join(home, 'contexts')), [], 'token and authority are gone with it');
  t.match(await runWo(undefined, ['version'], { env }), { exit: 2, stderr: /error WO_NO_CONTEXT/ }, 'an error of its own');
  t.match(await runWo(undefined, ['version', '--context', 'production'], { env }), { exit: 2, stderr: /error WO_NO_CONTEXT: there is no context "production"/ });
});

t.test('context add: an authority by its sha256 alone', async (t) => {
  const fake = await coordinator(t);
  const env = { WO_CONFIG_DIR: t.testdir({}) };
  const pin = caSha256Of(readFileSync(join(fake.configDirectory, 'ca.pem')), 'ca.pem');
  const add = (sha256: string): ReturnType<typeof runWo> =>
    runWo(undefined, ['context', 'add', 'p', '--control', fake.address, '--token', '-', '--ca-sha256', sha256], { env, stdin: 'secret-operator-token\n' });
  t.match(await add('0'.repeat(64)), { exit: 4, stderr: /WO_CA_MISMATCH/ }, 'another one is not believed');
  t.match(await add(pin), { exit: 4, stderr: /WO_CA_MISMATCH/ }, 'one that the coordinator does not present cannot be fetched');
});

t.test('context add: what is wrong is found before anything is written', async (t) => {
  const fake = await coordinator(t);
  const home = t.testdir({ token: 'another-token' });
  const env = { WO_CONFIG_DIR: home };
  const ca = ['--ca', join(fake.configDirectory, 'ca.pem')];
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['no address', ['--token', 'file:token', ...ca], 2, /--control HOST:PORT is needed/],
    ['no authority', ['--control', fake.address, '--token', 'file:token'], 2, /anybody could pose/],
    ['a token that is not known', ['--control', fake.address, '--token', 'file:token', ...ca], 4, /WO_UNAUTHENTICATED/],
    ['nobody there', ['--control', '127.0.0.1:1', '--token', 'file:token', ...ca], 7, /WO_COORDINATOR_UNREACHABLE/],
    ['a directory of no coordinator', ['--directory', home], 2, /addresses.json cannot be read/],
  ];
  for (const [what, argv, exit, stderr] of cases) t.match(await runWo(undefined, ['context', 'add', 'p', ...argv], { env, cwd: home }), { exit, stderr }, what);
  t.match(await runWo(undefined, ['context', 'add', '../p', '--control', fake.address], { env }), { exit: 2, stderr: /a context is named by/ }, 'a name that is a path');
  t.same(readdirSync(home), ['token'], 'nothing was written');
  t.equal((await runWo(undefined, ['context', 'add', 'p', '--control', '127.0.0.1:1', '--token', 'file:token', ...ca, '--no-verify'], { env, cwd: home })).exit, 0, 'unless that is wanted');
});

t.test('context add --directory: a coordinator on this machine', async (t) => {
  const fake = await coordinator(t);
  const root = t.testdir({ directory: { ca: {} } });
  const directory = join(root, 'directory');
  await copyFile(join(fake.configDirectory, 'ca.pem'), join(directory, 'ca/ca.crt'));
  await copyFile(join(fake.configDirectory, 'operator.token'), join(directory, 'operator.token'));
  writeFileSync(join(directory, 'addresses.json'), JSON.stringify({ control: fake.address }));
  t.match(await runWo(undefined, ['context', 'add', 'here', '--directory', directory, '-o', 'json'], { env: { WO_CONFIG_DIR: join(root, 'config') } }), { exit: 0, stdout: /"current": true/ });
});

t.test('doctor: here, in the coordinator, and what to do', async (t) => {
  const fake = await coordinator(t);
  const well = await runWo(fake, ['doctor']);
  t.match(well, { exit: 0, stdout: /PASS {2}wo tls .*\n[^]*PASS {2}wo clock .*\nWARN {2}coordinator disk +1 GiB free\n {6}try: free space {2}\(wo explain WO_DISK_FULL\)/ });
  t.match(JSON.parse((await runWo(fake, ['doctor', '-o', 'json'])).stdout), { findings: [{ level: 'FINDING_LEVEL_PASS', subject: 'wo', check: 'context' }] });
  t.match((await runWo(fake, ['doctor', '-q'])).stdout, /^WARN {2}coordinator disk/, 'with -q only what is not well');

  fake.handlers = answering({ time: new Date(Date.now() + 600_000), version: '7.0.0' });
  t.match(await runWo(fake, ['doctor']), { exit: 1, stdout: /WARN {2}wo version[^]*FAIL {2}wo clock +this clock is \d+ s behind the coordinator's\n.*WO_CLOCK_SKEW/ }, 'a clock that is wrong, a version that is far');
  t.match(await runWo(fake, ['doctor', '--address', '127.0.0.1:1']), { exit: 7, stdout: /FAIL {2}wo tcp/ }, 'nobody there: what is here is told all the same');
  t.match(await runWo(undefined, ['doctor'], { env: { WO_CONFIG_DIR: t.testdir({}) } }), { exit: 1, stdout: /FAIL {2}wo context .*\n.*WO_NO_CONTEXT/ });
});

t.test('doctor: a coordinator with another authority, and a token that others may read', async (t) => {
  const [one, other] = [await coordinator(t), await coordinator(t)];
  t.match(await runWo(one, ['doctor', '--address', other.address]), { exit: 7, stdout: /FAIL {2}wo tls/ });
  const open = join(t.testdir({}), 'token');
  writeFileSync(open, 'secret-operator-token\n', { mode: 0o644 });
  t.match(await runWo(one, ['doctor'], { env: { WO_TOKEN_FILE: open } }), { exit: 1, stdout: new RegExp(`FAIL {2}wo permissions .*\\n.*chmod 600 ${open}`) });
});

t.test('version: whoever is too far from the coordinator is named', async (t) => {
  const fake = await coordinator(t, answering({ agents: { [wombatVersion]: 2, '9.0.0': 1 } }));
  const { stdout, stderr } = await runWo(fake, ['version']);
  t.match(stdout, new RegExp(`agents +2 of ${wombatVersion}, 1 of 9.0.0`));
  t.match(stderr, /warning: agents 9.0.0 and the coordinator/);
  t.notMatch(stderr, `agents ${wombatVersion}`);
});

t.test('init: the file that the coordinator prints, never over another one', async (t) => {
  const root = t.testdir({});
  const launcher = join(root, 'launcher');
  writeFileSync(launcher, '#!/bin/sh\n[ "$*" = --print-configuration ] && echo "# printed"\n', { mode: 0o755 });
  const env = { WO_COORDINATOR_BIN: launcher, PATH: process.env['PATH'] };
  const init = (...argv: readonly string[]): ReturnType<typeof runWo> => runWo(undefined, ['init', '--dir', 'etc', ...argv], { env, cwd: root });
  t.match(await init(), { exit: 0, stderr: /wo coordinator --config / });
  t.equal(readFileSync(join(root, 'etc/wombat.toml'), 'utf8'), '# printed\n');
  writeFileSync(join(root, 'etc/wombat.toml'), 'mine');
  t.match(await init(), { exit: 8, stderr: /is there already/ });
  t.equal(readFileSync(join(root, 'etc/wombat.toml'), 'utf8'), 'mine', 'it is left alone');
  t.equal((await init('--force')).exit, 0);
  t.equal(readFileSync(join(root, 'etc/wombat.toml'), 'utf8'), '# printed\n', 'unless that is wanted');
});

t.test('backup: whole and private, or not at all', async (t) => {
  const summary = { clusterId: 'abcdefghijkl', createdAt: new Date('2026-01-02T03:04:05.678Z'), sizeBytes: 10n, files: 4 };
  const fake = await coordinator(t, {
    createBackup: async function* () {
      yield { kind: { $case: 'summary', value: summary } };
      for (const text of ['hello ', 'world']) yield { kind: { $case: 'data', value: Buffer.from(text) } };
    },
  });
  const cwd = t.testdir({});
  await mkdir(join(cwd, 'backups'));
  const path = join(cwd, 'backups/wombat-abcdefghijkl-20260102T030405Z.tar');
  t.match(await runWo(fake, ['backup', 'backups'], { cwd }), { exit: 0, stdout: `${path}\n` });
  t.equal(readFileSync(path, 'utf8'), 'hello world');
  t.equal(modeOf(path), 0o600);
  fake.handlers = {
    createBackup: async function* () {
      yield { kind: { $case: 'summary', value: summary } };
      throw new Error('broken off');
    },
  };
  t.not((await runWo(fake, ['backup', 'new.tar'], { cwd })).exit, 0);
  t.same(readdirSync(cwd), ['backups'], 'of a backup that broke off nothing is left');
});
