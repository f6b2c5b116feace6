import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import t from 'tap';
import { AgentArtifacts } from './agent-artifacts.js';
import { AgentPackages } from './agent-packages.js';
import { besideAgent } from '../configuration/beside-agent.js';
import { assignment, Installer } from './installer.js';

const scriptFile = besideAgent('install/install.sh');
const options = { scriptFile, coordinator: () => 'wombat.example.org:7421', url: () => 'https://wombat.example.org:7422' };
const sha256 = randomBytes(32).toString('hex');
const name = `wombat-agent-linux-x64-${sha256}.tar.gz`;
const joinToken = `wo1.${'a'.repeat(64)}.tok-aaaaaaaaaaaa.${'b'.repeat(43)}`;

void t.test('a script for one host: within what clouds take, and the token is in it once', async (test) => {
  const packages = new AgentPackages(test.testdir({ [name]: 'x', 'else.tar.gz': 'y', [`.wombat-agent-linux-arm64.new`]: 'z' }));
  const authorityPem = (): string => `-----BEGIN CERTIFICATE-----\n${'A'.repeat(900)}\n-----END CERTIFICATE-----\n`;
  const installer = new Installer({ ...options, packages, authorityPem });
  const script = await installer.script({ hostId: 'host-aaaaaaaaaaaa', joinToken });
  test.ok(Buffer.byteLength(script) <= 16 * 1024, `${Buffer.byteLength(script)} bytes, and EC2 takes 16384`);
  test.equal(script.split(joinToken).length, 2, 'the token once');
  test.match(script, `WOMBAT_SHA256_x64='${sha256}'\n`, 'the sha256 of the package');
  test.notMatch(script, 'WOMBAT_SHA256_arm64=', 'none of a package that there is not');
  test.notMatch(await installer.script(), joinToken, 'for anybody: no token');
  for (const shell of ['sh', 'bash']) execFileSync(shell, ['-n'], { input: script });
});

void t.test('without packages there is no script', async (test) => {
  const directory = test.testdir();
  const installer = new Installer({ ...options, packages: new AgentPackages(directory) });
  await test.rejects(installer.script(), { code: 'WO_AGENT_PACKAGE_MISSING', hint: /package-agent/ });
  writeFileSync(join(directory, name), 'bytes');
  test.match(await installer.script(), sha256, 'they may come while the coordinator runs');
  test.same(await new AgentPackages(join(directory, 'none')).list(), [], 'nor is a missing directory an error');
});

void t.test('agents fetch packages by their digest, from any offset, and everything else as before', async (test) => {
  const packages = new AgentPackages(test.testdir({ [name]: 'bytes' }));
  test.same(await packages.wanted(), { x64: { sha256, sizeBytes: 5 } });
  const others = { open: async function* (digest: string, offset: number) { yield Buffer.from(`${digest}@${offset}`); } };
  const artifacts = new AgentArtifacts(packages, others);
  const read = async (digest: string, offset: number): Promise<string> => text(Readable.from(artifacts.open(digest, offset, new AbortController().signal)));
  test.same([await read(sha256, 0), await read(sha256, 3), await read(sha256, 5), await read(sha256, 9)], ['bytes', 'es', '', '']);
  test.equal(await read('0'.repeat(64), 2), `${'0'.repeat(64)}@2`);
});

void t.test('only packages are handed out', async (test) => {
  const packages = new AgentPackages(test.testdir({ [name]: 'bytes', 'secrets.key': 'secret' }));
  const found = await packages.open(name);
  test.same([found?.sizeBytes, found && (await text(found.content))], [5, 'bytes']);
  for (const other of ['secrets.key', `../${name}`, `wombat-agent-linux-x64-${'0'.repeat(64)}.tar.gz`, '']) test.equal(await packages.open(other), undefined, JSON.stringify(other));
});

void t.test('a shell reads each value as it was', (test) => {
  const values = fc.sample(fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0') && Buffer.from(value).toString() === value), 300);
  const hostile = ["'; rm -rf /; '", '$(id)', '`id`', '\\', "a'b", 'a\nb', '"', '#'];
  for (const value of [...values, ...hostile]) {
    const read = execFileSync('sh', ['-c', `${assignment('VALUE', `${value}.`)}printf %s "$VALUE"`], { encoding: 'utf8' });
    if (read !== `${value}.`) return Promise.resolve(test.equal(read, `${value}.`, 'a value'));
  }
  test.throws(() => assignment('VALUE', 'a\0b'), { code: 'WO_INVALID_ARGUMENT' });
  test.end();
  return undefined;
});
