import { gzipSync } from 'node:zlib';
import t from 'tap';
import { tarball, type TarItem } from '@wombat/proto/testing';
import { examineRelease, type ExaminedRelease } from './examine-release.js';
import { inspectTarball, type TarballSource } from './inspect-tarball.js';
import type { ManifestInput } from '../domain/release/manifest-input.js';

const signal = new AbortController().signal;

function sourceOf(items: readonly TarItem[], opened: { count: number } = { count: 0 }): TarballSource {
  const bytes = gzipSync(tarball(items));
  return {
    sizeBytes: bytes.length,
    async *open() {
      opened.count += 1;
      for (let start = 0; start < bytes.length; start += 700) yield bytes.subarray(start, start + 700);
    },
  };
}

const examine = (items: readonly TarItem[], given: ManifestInput = {}): Promise<ExaminedRelease> => examineRelease(sourceOf(items), { input: given }, signal);

const relxScript = '#!/bin/sh\nRELEASE_ROOT_DIR=.\ncase "$1" in\nconsole|foreground)\n;;\nesac\n';
const relx: TarItem[] = [
  { path: 'bin/riak', contents: relxScript, mode: 0o755 },
  { path: 'erts-13.1.5/bin/beam.smp', contents: 'ELF\0', mode: 0o755 },
  { path: 'releases/start_erl.data', contents: '13.1.5 3.0' },
  { path: 'releases/3.0/vm.args', contents: '-name riak@127.0.0.1\n' },
];

t.test('an OTP release says all by itself', async (t) => {
  const examined = await examine(relx);
  t.match(examined, { name: 'riak', version: '3.0', manifest: { start: 'bin/riak foreground', nodeName: 'riak' } });
  t.match(examined.inspection, { layout: 'relx', ertsVersion: '13.1.5', otpRelease: '25', unpackedBytes: Number });
  t.strictSame(examined.templateTexts, { 'releases/3.0/vm.args': '-name riak@127.0.0.1\n' });
});

t.test('a folder around everything does not matter', async (t) => {
  const wrapped = await examine(relx.map((item) => ({ ...item, path: `./riak-3.0/${item.path}` })));
  t.equal(wrapped.inspection.topFolder, 'riak-3.0');
  t.match(wrapped, { name: 'riak', manifest: { start: 'bin/riak foreground' }, templateTexts: { 'releases/3.0/vm.args': String } });
});

const plain: TarItem[] = [
  { path: 'bin/', type: '5' },
  { path: 'bin/run', contents: '#!/bin/sh\nexec sleep 1000\n', mode: 0o755 },
  { path: 'bin/again', type: '1', link: 'bin/run' },
  { path: 'etc/app.conf', contents: 'name={{node.name}}\n' },
  { path: 'etc/same.conf', type: '1', link: 'etc/app.conf' },
  { path: 'etc/link.conf', type: '2', link: 'app.conf' },
  { path: 'etc/binary', contents: Buffer.from([0, 1, 2]) },
  { path: 'etc/latin1', contents: Buffer.from([0x66, 0xfc, 0x72]) },
  { path: 'etc/large', contents: 'x'.repeat(50_000) },
];

t.test('templates that are asked for', async (t) => {
  const examined = await examine(plain, { start: 'bin/run', templates: ['./etc/app.conf'] });
  t.strictSame(examined.templateTexts, { 'etc/app.conf': 'name={{node.name}}\n' });
  t.strictSame((await examine(plain, { start: 'bin/again', templates: ['etc/app.conf'] })).manifest.start, 'bin/again', 'a hard link to a program is one');
  const refused: [string, string, RegExp][] = [
    ['etc/ap.conf', 'WO_TEMPLATE_MISSING', /nearest is etc\/app\.conf/],
    ['app.conf', 'WO_TEMPLATE_MISSING', /nearest is etc\/app\.conf/],
    ['etc/link.conf', 'WO_TEMPLATE_INVALID', /is a link/],
    ['etc/binary', 'WO_TEMPLATE_INVALID', /no text in UTF-8/],
    ['etc/latin1', 'WO_TEMPLATE_INVALID', /no text in UTF-8/],
    ['etc/large', 'WO_TEMPLATE_TOO_LARGE', /50000 bytes/],
  ];
  for (const [path, code, message] of refused) await t.rejects(examine(plain, { start: 'bin/run', templates: [path] }), { code, message }, path);
});

t.test('a hard link to a template has its text', async (t) => {
  const { texts } = await inspectTarball(sourceOf(plain), ['etc/app.conf', 'etc/same.conf'], signal);
  t.equal(texts['etc/same.conf'], 'name={{node.name}}\n');
});

t.test('a manifest in the tarball fills what is not given', async (t) => {
  const file: TarItem = { path: 'wombat.release.yaml', contents: 'apiVersion: wombat/v1\nname: shop\nversion: "2"\nstart: bin/run\nnodeName: shop\ntemplates: [etc/app.conf]\nready: {aliveFor: 1s}\n' };
  const opened = { count: 0 };
  const examined = await examineRelease(sourceOf([...plain, file], opened), { input: { nodeName: 'given', start: '' } }, signal);
  t.match(examined, { name: 'shop', version: '2', manifest: { start: 'bin/run', nodeName: 'given', ready: { aliveForMs: 1_000 }, templates: ['etc/app.conf'] } });
  t.strictSame(examined.templateTexts, { 'etc/app.conf': 'name={{node.name}}\n' });
  t.equal(opened.count, 2, 'a second look, for the templates that only the file names');
  await t.rejects(examine([...plain, { ...file, contents: 'apiVersion: wombat/v1\ntemplates: [etc/gone]\nstart: bin/run\n' }]), { code: 'WO_TEMPLATE_MISSING' });
  await t.rejects(examine([...plain, { ...file, contents: 'x: 1' }]), { code: 'WO_MANIFEST_INVALID' });
});

t.test('what breaks a rule is refused before anything is stored', async (t) => {
  await t.rejects(examine([{ path: '../x', contents: 'x' }]), { code: 'WO_ARCHIVE_REFUSED' });
  await t.rejects(examine([]), { code: 'WO_ARCHIVE_INVALID' });
  await t.rejects(examine(plain), { code: 'WO_MANIFEST_INVALID', message: /nothing says how to start/ });
});

t.test('however many texts an archive holds, memory stays bounded', async (t) => {
  const many = Array.from({ length: 100 }, (_, index): TarItem => ({ path: `bin/script-${index}`, contents: `#!/bin/sh\n${'x'.repeat(120_000)}`, mode: 0o755 }));
  const { texts } = await inspectTarball(sourceOf(many), [], signal);
  const bytes = Object.values(texts).reduce((total, text) => total + text.length, 0);
  t.ok(bytes > 0 && bytes <= 4 * 1024 * 1024, `${bytes} bytes of text are kept`);
});

t.test('an abort ends it', async (t) => {
  const aborted = AbortSignal.abort(new Error('enough'));
  await t.rejects(inspectTarball(sourceOf(plain), [], aborted), { message: 'enough' });
});
