import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createRuntime, type Runtime } from '../runtime.js';
import { fakeIo, type FakeIo, type FakeIoOptions } from '../testing/fake-io.js';
import { SecretReader } from './secret.js';

const title = process.title;
t.afterEach(() => (process.title = title));

function runtimeWith(options: FakeIoOptions): { runtime: Runtime; io: FakeIo } {
  const io = fakeIo(options);
  const flags = { context: undefined, address: undefined, output: undefined, quiet: true, verbose: false, noColor: true, color: undefined, progress: undefined, timeout: undefined, yes: false, noInput: false, debug: false };
  return { io, runtime: createRuntime({ io, flags }) };
}

t.test('from the environment, a file and standard input, without a word', async (t) => {
  const cwd = t.testdir({});
  await writeFile(join(cwd, 'key'), 'from-file\n');
  const { runtime, io } = runtimeWith({ env: { KEY: 'from-env' }, cwd, stdin: 'from-input\r\n' });
  const secrets = new SecretReader(runtime);
  t.equal(await secrets.read('env:KEY', 'key'), 'from-env');
  t.equal(await secrets.read('file:key', 'key'), 'from-file', 'a path is relative to where wo is run; the last newline is not part of it');
  t.equal(await secrets.read('-', 'key'), 'from-input');
  t.equal(io.stderr.text, '');
  await t.rejects(secrets.read('-', 'key'), { message: 'standard input can give one secret only' });
});

t.test('given as it is: it works, with one warning and another title', async (t) => {
  const { runtime, io } = runtimeWith({});
  const secrets = new SecretReader(runtime);
  t.equal(await secrets.read('AKIA', 'credential 1'), 'AKIA');
  t.equal(await secrets.read('hunter2', 'credential 2'), 'hunter2');
  t.equal(io.stderr.lines.length, 1, 'one warning, also with -q');
  t.notMatch(io.stderr.text, /AKIA|hunter2/);
  t.equal(process.title, 'wo');
});

t.test('a setting that is no secret reference is taken as it is, without a warning', async (t) => {
  const { runtime, io } = runtimeWith({ env: { T: 'x' } });
  const secrets = new SecretReader(runtime);
  t.same([await secrets.readSetting('eu-west-1', 'region'), await secrets.readSetting('env:T', 'token')], ['eu-west-1', 'x']);
  t.equal(io.stderr.text, '');
});

t.test('what cannot be had is named, never its value', async (t) => {
  const cwd = t.testdir({ empty: '\n' });
  const secrets = new SecretReader(runtimeWith({ cwd }).runtime);
  await t.rejects(secrets.read('env:NOT_SET', 'credential 1'), { message: 'credential 1: the environment has no NOT_SET' });
  await t.rejects(secrets.read('file:nowhere', 'credential 1'), { message: 'credential 1: nowhere cannot be read (ENOENT)' });
  await t.rejects(secrets.read('file:empty', 'credential 1'), { message: /is empty/ });
  await writeFile(join(cwd, 'binary'), Buffer.from([0xff, 0xfe, 0x00]));
  await t.rejects(secrets.readAll({ A: 'file:binary' }), { message: 'secret A: binary is no text', hint: /base64/ });
});
