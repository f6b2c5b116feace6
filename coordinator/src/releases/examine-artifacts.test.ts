import { gzipSync } from 'node:zlib';
import t from 'tap';
import { parsePlatform } from '@wombat/proto';
import { tarball, type TarItem } from '@wombat/proto/testing';
import { examineArtifacts, type ExaminedArtifacts, type GivenArtifact } from './examine-artifacts.js';
import type { GivenManifest } from './examine-release.js';
import { elf, type ElfShape } from './testing/elf.js';

const signal = new AbortController().signal;
const unsaid = { os: '', arch: '', libc: '' };

function given(items: readonly TarItem[], platform = '', sha256 = 'a'.repeat(64)): GivenArtifact {
  const bytes = gzipSync(tarball(items));
  return { sha256, sizeBytes: bytes.length, platform: platform === '' ? unsaid : parsePlatform(platform), source: { sizeBytes: bytes.length, async *open() { yield bytes; } } };
}

const examine = (artifacts: readonly GivenArtifact[], manifest: GivenManifest = { input: {} }): Promise<ExaminedArtifacts> => examineArtifacts(artifacts, manifest, signal);

const script = '#!/bin/sh\nRELEASE_ROOT_DIR=.\ncase "$1" in\nconsole|foreground)\n;;\nesac\n';
const riak = (shape: ElfShape, changed: Readonly<Record<string, string>> = {}, erts = '13.1.5'): TarItem[] => [
  { path: 'bin/riak', contents: changed['bin/riak'] ?? script, mode: 0o755 },
  { path: `erts-${erts}/bin/beam.smp`, contents: elf(shape), mode: 0o755 },
  { path: 'releases/start_erl.data', contents: `${erts} ${changed['version'] ?? '3.0'}` },
  { path: `releases/${changed['version'] ?? '3.0'}/vm.args`, contents: changed['vm.args'] ?? '-name riak@127.0.0.1\n' },
];
const arm: ElfShape = { arch: 'arm64', loader: '/lib/ld-linux-aarch64.so.1' };

t.test('what a release is for is read from its runtime', async (t) => {
  const { artifacts } = await examine([given(riak({})), given(riak(arm))]);
  t.strictSame(artifacts.map(({ platform }) => platform), [{ os: 'linux', arch: 'x64', libc: 'glibc' }, { os: 'linux', arch: 'arm64', libc: 'glibc' }]);
  const wrapped = riak(arm).map((item) => ({ ...item, path: `riak-3.0/${item.path}` }));
  t.match((await examine([given(wrapped)])).artifacts, [{ platform: { arch: 'arm64' } }], 'a folder around everything does not hide it');
  t.match((await examine([given(riak(arm), 'linux/arm64')])).artifacts, [{ platform: { os: 'linux', arch: 'arm64', libc: 'glibc' } }], 'what is said is completed');
});

t.test('a contradiction is refused', async (t) => {
  await t.rejects(examine([given(riak(arm), 'linux/x64')]), { code: 'WO_ARTIFACT_PLATFORM', message: /said to be for linux\/x64, but its runtime was built for linux\/arm64\/glibc/, hint: /leave the platform out/ });
  await t.rejects(examine([given(riak({ loader: '/lib/ld-musl-x86_64.so.1' }), 'linux/x64/glibc')]), { code: 'WO_ARTIFACT_PLATFORM', message: /linux\/x64\/musl/ });
});

t.test('two artifacts of one platform are refused, whoever says which it is', async (t) => {
  await t.rejects(examine([given(riak({})), given(riak({}), 'linux/x64')]), { code: 'WO_ARTIFACT_PLATFORM', message: 'two artifacts are for linux/x64/glibc' });
  const plain = [{ path: 'bin/run', contents: '#!/bin/sh\n', mode: 0o755 }];
  const start = { input: { start: 'bin/run' } };
  await t.rejects(examine([given(plain), given(plain)], start), { code: 'WO_ARTIFACT_PLATFORM', message: 'two artifacts are for any platform' });
  t.match((await examine([given(plain, 'linux/arm64'), given(plain, 'linux/x64')], start)).artifacts, [{ platform: { arch: 'arm64' } }, { platform: { arch: 'x64' } }], 'a plain release is for what is said');
});

t.test('all must hold the same release', async (t) => {
  const differing: [string, Readonly<Record<string, string>>, RegExp][] = [
    ['another version', { version: '3.1' }, /for linux\/x64\/glibc and for linux\/arm64\/glibc differ: the version is 3\.0 in one and 3\.1 in the other/],
    ['another vm.args', { 'vm.args': '-name other@127.0.0.1\n' }, /differ: "nodeName" of the manifest is "riak" in one and "other" in the other/],
    ['another template', { 'vm.args': '-name riak@127.0.0.1\n+K true\n' }, /differ: the template releases\/3\.0\/vm\.args is not the same in both/],
    ['no start script', { 'bin/riak': 'ELF' }, /differ|nothing says how to start/],
  ];
  for (const [what, changed, message] of differing) {
    await t.rejects(examine([given(riak({})), given(riak(arm, changed))]), { message, code: what === 'no start script' ? 'WO_MANIFEST_INVALID' : 'WO_ARTIFACTS_DIFFER' }, what);
  }
  await t.rejects(examine([given(riak({})), given(riak(arm).slice(0, 3))], { input: { templates: ['releases/3.0/vm.args'] } }), { code: 'WO_TEMPLATE_MISSING' }, 'templates must be in each');
  t.match((await examine([given(riak({})), given(riak(arm, {}, '13.2'))])).notes, ['the artifact for linux/arm64/glibc brings ERTS 13.2, the first ERTS 13.1.5'], 'another runtime is told');
  await t.rejects(examine([]), { code: 'WO_INVALID_ARGUMENT' });
});

t.test('a manifest file that is given stands for the one inside', async (t) => {
  const inside: TarItem = { path: 'wombat.release.yaml', contents: 'apiVersion: wombat/v1\nname: inside\nnodeName: inside\nlogFiles: [a]\n' };
  const { name, manifest, notes } = await examine([given([...riak({}), inside])], { input: { stop: 'bin/riak halt' }, file: { name: 'file', version: '9', input: { nodeName: 'file', stop: 'bin/riak stop' } } });
  t.match({ name, manifest }, { name: 'file', manifest: { nodeName: 'file', stop: 'bin/riak halt', start: 'bin/riak foreground', logFiles: [] } }, 'the command line, then the file, then the layout');
  t.match(notes, [/the wombat\.release\.yaml in the tarball was not read/]);
});
