import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attribute, systemClock } from '@wombat/plugin-sdk';
import { connectForTest } from '@wombat/plugin-sdk/testing';
import t, { type Test } from 'tap';
import { findEpmd, stopEpmd } from './epmd.js';
import { plugin } from './index.js';
import { labelFlags } from './labels.js';
import { loadState } from './local-state.js';
import { isAlive } from '@wombat/plugin-sdk/processes';
import { signalProcess, startTimeOf } from './processes.js';
import { chooseSubnet, freeAddress, subnetPattern, usedSubnets } from './subnet.js';

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'wombat-local-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

t.test('a zombie is not alive, and no signal reaches another process with the pid', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const startTime = startTimeOf(child.pid!)!;
  t.ok(isAlive({ pid: child.pid!, startTime }));
  t.notOk(isAlive({ pid: child.pid!, startTime: '1' }), 'another start time is another process');
  signalProcess({ pid: child.pid!, startTime: '1' }, 'SIGKILL');
  t.ok(isAlive({ pid: child.pid!, startTime }), 'the wrong process was not killed');
  signalProcess({ pid: child.pid!, startTime }, 'SIGKILL');
  await once(child, 'exit');
  t.notOk(isAlive({ pid: child.pid!, startTime }));
  t.equal(startTimeOf(0x7fffffff), undefined, 'no such process');
});

t.test('the state is chosen once, and a subnet that is asked for waits for the hosts to go', async (t) => {
  const path = directory(t);
  const first = await loadState(path, undefined, false);
  t.match(first.subnet, subnetPattern);
  t.ok(first.epmdPort >= 20_000 && first.epmdPort < 32_000, 'below the range of outgoing connections');
  t.strictSame(await loadState(path, undefined, false), first, 'the same at the next start');
  t.strictSame(await loadState(path, '127.9.9', true), first, 'hosts keep their addresses');
  t.strictSame(await loadState(path, '127.9.9', false), { ...first, subnet: '127.9.9' });
  t.strictSame(readdirSync(path), ['state.json'], 'no temporary file is left');
  writeFileSync(join(path, 'state.json'), '{');
  await t.rejects(loadState(path, undefined, false), /state\.json cannot be read/, 'a broken state is not overwritten');
  t.equal(readFileSync(join(path, 'state.json'), 'utf8'), '{');
});

t.test('a subnet with a listener is not chosen', async (t) => {
  const server = createServer().listen(0, '127.93.10.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const used = await usedSubnets();
  t.ok(used.has('127.93.10'), 'the listener must be seen');
  t.notOk(used.has('127.93.11'));
  t.match(await chooseSubnet(), subnetPattern);
});

t.test('addresses: the lowest free one, until none is left', async (t) => {
  t.equal(freeAddress('127.7.7', new Set(['127.7.7.1', '127.7.7.3'])), '127.7.7.2');
  const all = new Set(Array.from({ length: 254 }, (_, index) => `127.7.7.${index + 1}`));
  t.equal(freeAddress('127.7.7', all), undefined);
});

t.test('labels become flags, what the agent would refuse is refused at once', async (t) => {
  t.strictSame(labelFlags([attribute('role', 'web'), attribute('rack', 7), attribute('ssd', true)]), ['role=web', 'rack=7', 'ssd=true']);
  const wrong = [attribute('zones', ['a']), attribute('Bad key', 'x'), { key: 'none', value: undefined }, attribute('long', 'x'.repeat(257))];
  for (const label of wrong) t.throws(() => labelFlags([label]), /a label is named by|the label .* (is no text|has more)/, `label ${label.key}`);
});

t.test('a process that is not epmd is never ended in its place', async (t) => {
  const path = directory(t);
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  writeFileSync(join(path, 'epmd.json'), JSON.stringify({ pid: child.pid, startTime: startTimeOf(child.pid!), port: 1 }));
  t.equal(await findEpmd(path), undefined);
  writeFileSync(join(path, 'epmd.json'), 'garbage');
  t.equal(await findEpmd(path), undefined);
  await stopEpmd(path, systemClock);
  t.ok(startTimeOf(child.pid!) !== undefined, 'the other process lives');
});

t.test('the plugin: no credentials, settings as text', async (t) => {
  t.strictSame(plugin.credentialSettings, []);
  t.strictSame(plugin.secretSettings, []);
  t.strictSame(plugin.validate({ subnet: '127.7.7', zones: 'a,b' }), { notes: [], settings: { subnet: '127.7.7', zones: ['a', 'b'] } });
  for (const subnet of ['127.0.0', '127.255.0', '127.1.256', '10.1.1', '127.7.7.1', '127.07.7']) {
    t.strictSame(plugin.validate({ subnet }).notes.map(({ field }) => field), ['subnet'], `${subnet} must be refused`);
  }
  const { instance } = await connectForTest(plugin, { dataDirectory: directory(t), settings: { zones: 'a,b' } });
  t.strictSame(await instance.listZones('local', { signal: new AbortController().signal }), [{ id: 'a', region: 'local' }, { id: 'b', region: 'local' }]);
  await instance.close?.();
});
