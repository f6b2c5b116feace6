import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { durationToMs } from '@wombat/proto';
import { RunMode } from '@wombat/proto/control';
import t from 'tap';
import { readManifest, readManifestFile } from './manifest-file.js';

const apiVersion = 'wombat/v1';

t.test('every key', async (t) => {
  const path = join(t.testdir({}), 'm.yaml');
  await writeFile(path, `apiVersion: wombat/v1
version: 2.1
start: bin/x start
stop: bin/x stop
nodeName: x
mode: daemon
pidCommand: bin/x pid
templates: [etc/vm.args]
ports:
  - { name: http, number: 8080 }
  - { name: dns, protocol: udp }
ready: { port: http, timeout: 20s }
stopTimeout: 1m
sharedPaths: [lib]
logFiles: ["log/*.log"]
environment: { A: 1, B: "two" }
`);
  const { manifest, version } = await readManifestFile(path);
  t.equal(version, '2.1');
  t.match(manifest, {
    start: 'bin/x start', stop: 'bin/x stop', nodeName: 'x', mode: RunMode.DAEMON, pidCommand: 'bin/x pid', templates: ['etc/vm.args'],
    ports: [{ name: 'http', number: 8080, protocol: 'tcp' }, { name: 'dns', number: 0, protocol: 'udp' }],
    ready: { check: { $case: 'port', value: 'http' } }, sharedPaths: ['lib'], logFiles: ['log/*.log'], environment: { A: '1', B: 'two' },
  });
  t.equal(durationToMs(manifest.ready?.timeout), 20_000);
  t.equal(durationToMs(manifest.stopTimeout), 60_000);
});

t.test('each ready check', async (t) => {
  t.match(readManifest({ apiVersion, ready: { command: 'bin/ok' } }).manifest.ready?.check, { $case: 'command', value: 'bin/ok' });
  t.match(readManifest({ apiVersion, ready: { erlang: true } }).manifest.ready?.check, { $case: 'erlangPing', value: true });
  const alive = readManifest({ apiVersion, ready: { aliveFor: '3s' } }).manifest.ready?.check;
  t.equal(alive?.$case === 'aliveFor' && durationToMs(alive.value), 3000);
});

t.test('what is wrong is named', async (t) => {
  t.throws(() => readManifest({ start: 'x' }), { message: /apiVersion is missing/ });
  t.throws(() => readManifest({ apiVersion, strat: 'x' }), { message: 'there is no key strat; did you mean start?' });
  t.throws(() => readManifest({ apiVersion, start: ['x'] }), { message: 'start is no text' });
  t.throws(() => readManifest({ apiVersion, mode: 'later' }), { message: /mode is foreground or daemon/ });
  t.throws(() => readManifest({ apiVersion, ports: [{ name: 'x', number: 70_000 }] }), { message: /ports\[0\]\.number/ });
  t.throws(() => readManifest({ apiVersion, ready: { port: 'a', command: 'b' } }), { message: /one check, not port and command/ });
  t.throws(() => readManifest({ apiVersion, stopTimeout: 'soon' }), { message: /stopTimeout wants a duration/ });
  t.throws(() => readManifest([]), { message: 'the manifest is no mapping' });
});

t.test('a file that is no YAML, and one that is not there', async (t) => {
  const path = join(t.testdir({ 'm.yaml': 'a: [' }), 'm.yaml');
  await t.rejects(readManifestFile(path), { code: 'WO_MANIFEST_INVALID', message: /m\.yaml: is no YAML/ });
  await t.rejects(readManifestFile(`${path}.not`), { name: 'UsageError', message: /cannot be read \(ENOENT\)/ });
});
