import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { FailureKind } from '@wombat/plugin-sdk';
import t from 'tap';
import { readAddress } from './address.js';
import { distrust, hostKeysOf, presentedKey, readPin } from './host-key.js';
import { plugin } from './index.js';
import { describeTarget } from './inventory.js';
import { knownKeys } from './known-hosts.js';
import { machineScript } from './machine-script.js';
import { readSight } from './sight.js';
import { connectionError } from './ssh-error.js';

const key = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'latin1').toString('base64')}`;
const { fingerprint } = readPin(key);

void t.test('addresses', (t) => {
  for (const [text, address] of [
    ['10.0.0.5', { address: '10.0.0.5' }], ['deploy@web-1.example.org:2222', { address: 'web-1.example.org', user: 'deploy', port: 2222 }],
    ['[fd00::5]:22', { address: 'fd00::5', port: 22 }], ['fd00::5', { address: 'fd00::5' }], ['root@[fd00::5]', { address: 'fd00::5', user: 'root' }],
    ['', undefined], ['web-1:x', undefined], ['a b', undefined], ['@web-1', undefined], ['[web-1]', undefined],
  ] as const) t.strictSame(readAddress(text), address, text);
  t.equal(describeTarget({ name: 'web-1', address: 'fd00::5', port: 22 }), 'web-1 ([fd00::5]:22)');
  t.equal(describeTarget({ name: '10.0.0.5', address: '10.0.0.5', port: 22 }), '10.0.0.5');
  t.end();
});

void t.test('settings: what is wrong is told by name, and text is read', (t) => {
  const errors = (settings: Readonly<Record<string, unknown>>) => plugin.validate(settings).notes.map(({ field, message }) => `${field}: ${message}`);
  t.strictSame(errors({ machines: 'deploy@10.0.0.5,10.0.0.6:2222', sudo: 'yes' }), []);
  t.strictSame(errors({ machines: `[{"address": "10.0.0.5", "hostKey": "${key}", "zone": "a", "labels": {"rack": "b2"}}]` }), []);
  t.match(errors({ machines: '10.0.0.5:x' }), [/^machines.*"10\.0\.0\.5:x" is not of the form/]);
  t.match(errors({ machines: [{ address: '10.0.0.5', hostKey: 'MD5:00' }] }), [/^machines.*host key/]);
  t.match(errors({ machines: [{ address: '10.0.0.5', labels: { rack: 'b 2' } }] }), [/^machines.*has a character/]);
  t.match(errors({ scope: 'home', sudo: true, asRoot: true }), [/^sudo: /, /^asRoot: /]);
  t.match(errors({ sudoPassword: 'x', privateKey: 'x', privateKeyFile: '/x' }), [/^sudoPassword: /, /^privateKeyFile: /]);
  t.strictSame([...plugin.secretSettings].sort(), ['passphrase', 'privateKey', 'sudoPassword']);
  t.end();
});

void t.test('known_hosts', (t) => {
  const pinsOf = (content: string, address = 'web-1.example.org', port = 22) => knownKeys(content, address, port).pins.length;
  t.equal(pinsOf(`web-1.example.org,10.0.0.5 ${key} comment`), 1);
  t.equal(pinsOf(`WEB-1.example.org ${key}`), 1, 'names know no case');
  t.equal(pinsOf(`*.example.org ${key}\nweb-?.example.org ${key}`), 2, 'patterns');
  t.equal(pinsOf(`*.example.org,!web-1.example.org ${key}`), 0, 'but not this one');
  t.equal(pinsOf(`web-1xexample.org ${key}`), 0, 'a dot is a dot');
  t.equal(pinsOf(`web-1.example.org ${key}`, 'web-1.example.org', 2222), 0, 'another port is another machine');
  t.equal(pinsOf(`[web-1.example.org]:2222 ${key}`, 'web-1.example.org', 2222), 1);
  const salt = Buffer.from('salt of twenty bytes');
  t.equal(pinsOf(`|1|${salt.toString('base64')}|${createHmac('sha1', salt).update('web-1.example.org').digest('base64')} ${key}`), 1, 'hashed');
  t.equal(pinsOf(`@cert-authority * ${key}\n# web-1.example.org ${key}\n|1|x ${key}\n\0\n`), 0, 'authorities, comments and rubbish');
  t.strictSame(knownKeys(`@revoked * ${key}`, 'x', 22), { pins: [], revoked: [{ type: 'ssh-ed25519', fingerprint }] });
  t.end();
});

void t.test('host keys', (t) => {
  const presented = presentedKey(Buffer.from(key.split(' ')[1]!, 'base64'));
  t.strictSame(presented, { type: 'ssh-ed25519', fingerprint });
  t.equal(distrust(hostKeysOf([readPin(key)]), presented), undefined);
  t.equal(distrust(hostKeysOf([readPin(`${fingerprint}=`)]), presented), undefined, 'padded');
  t.match(distrust(hostKeysOf([readPin(key)], [readPin(key)]), presented), /is revoked/, 'whatever else is said of it');
  t.strictSame(hostKeysOf([readPin(key)]).types, ['ssh-ed25519'], 'asked for are the kinds that are pinned');
  t.equal(hostKeysOf([readPin(key), readPin(fingerprint)]).types, undefined, 'a fingerprint does not tell its kind');
  for (const rubbish of [Buffer.alloc(0), Buffer.from([255, 255, 255, 255, 10, 13]), Buffer.alloc(4)]) t.match(distrust(hostKeysOf([]), presentedKey(rubbish)), /^[\x20-\x7e]*is not known[\x20-\x7e]*$/);
  t.end();
});

void t.test('a shell reads each value of a script as it was, and what was cut is not run', (t) => {
  const script = (value: string) => machineScript('log', { scope: 'home', cluster: value, payload: value, host: value });
  const values = [...fc.sample(fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0') && Buffer.from(value).toString() === value), process.env['WOMBAT_TEST_FULL'] ? 200 : 20), "'; touch /nowhere; '", '$(id)', '`id`', '\\', 'a\nb'];
  t.strictSame(values.filter((value) => execFileSync('sh', ['-c', `${script(`${value}.`).split('# What the driver')[0]!}printf '%s' "$payload"`], { encoding: 'utf8' }) !== `${value}.`), []);
  const whole = machineScript('look', { scope: 'home', cluster: 'c' });
  for (const part of [0.2, 0.5, 0.9, 0.99]) {
    let printed = '';
    try {
      printed = execFileSync('sh', { input: whole.slice(0, whole.length * part), encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'], env: { HOME: t.testdirName } });
    } catch {
      // A function that does not end is refused.
    }
    t.equal(printed, '', `${part} of it`);
  }
  t.throws(() => machineScript('ensure', { scope: 'home', cluster: 'c', payload: 'a\0b' }), /zero byte/);
  t.throws(() => machineScript('ensure', { scope: 'home', cluster: 'c', tags: { a: 'b\nwombat-key=x' } }), /line break/);
  t.end();
});

void t.test('what a machine answers is not trusted', (t) => {
  t.equal(readSight(''), undefined);
  t.equal(readSight('hello\nstate perfect\n'), undefined);
  t.strictSame(readSight('state free\n'), { kind: 'free' });
  t.strictSame(readSight('refused it has no flock\x1b[2J\nstate free\n'), { kind: 'refused', why: 'it has no flock?[2J' });
  t.strictSame(readSight('state failed\nlog one\nlog \nlog two\n'), { kind: 'failed', log: 'one; two' });
  t.match(readSight('state installed\nowner c host-x key-x\ncreated never\ntag a=b=c\ntag wombat-cluster=another\n'), {
    kind: 'host', host: { state: 'installed', createdAt: undefined, tags: { a: 'b=c', 'wombat-cluster': 'c', 'wombat-host': 'host-x', 'wombat-key': 'key-x' } },
  });
  fc.assert(fc.property(fc.string(), (text) => {
    readSight(text);
    readSight(`state installed\n${text}`);
  }));
  t.end();
});

void t.test('why there is no connection', (t) => {
  const told = (properties: object, message = 'x') => {
    const { kind, message: text, retryAfterMs } = connectionError('web-1', 'deploy', Object.assign(new Error(message), properties));
    return `${FailureKind[kind]} ${retryAfterMs ?? ''} ${text}`;
  };
  t.equal(told({ level: 'client-authentication' }), 'AUTH  web-1: it does not let deploy in with this key');
  t.equal(told({ code: 'ENOTFOUND' }), 'UNAVAILABLE  web-1: its name is not known');
  t.equal(told({}, 'Connection lost before handshake'), 'THROTTLED 5000 web-1: it takes no more connections now');
  t.equal(told({ level: 'handshake' }, 'Handshake failed: no matching host key format'), 'AUTH  web-1: it has no host key of the kind that is pinned, or it is none that can be checked');
  t.equal(told({}, 'Something else.\nAnd more.'), 'UNAVAILABLE  web-1: something else. And more');
  t.end();
});
