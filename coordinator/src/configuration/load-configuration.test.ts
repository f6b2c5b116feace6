import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import type { Configuration } from './configuration.js';
import { keyNames, variableOf, flagOf } from './keys.js';
import { loadConfiguration, type ConfigurationInputs } from './load-configuration.js';
import { configurationReference } from './reference.js';

function refusal(inputs: ConfigurationInputs): string {
  try {
    loadConfiguration(inputs);
  } catch (error) {
    if (WombatError.is(error) && error.code === 'WO_CONFIG_INVALID') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Always with a directory of its own: the default one may hold a file. */
function load(test: Test, inputs: ConfigurationInputs & { file?: string } = {}): Configuration {
  const directory = test.testdir(inputs.file === undefined ? {} : { 'wombat.toml': inputs.file });
  return loadConfiguration({ ...inputs, environment: { WOMBAT_DIRECTORY: directory, ...inputs.environment } });
}

void t.test('without anything said, all is on loopback', (test) => {
  const configuration = load(test);
  test.same(configuration.control.address, { host: '127.0.0.1', port: 7420 }, 'control');
  test.same(configuration.agents.address, { host: '127.0.0.1', port: 7421 }, 'agents');
  test.same(configuration.http, { address: { host: '127.0.0.1', port: 7422 }, tls: false }, 'http');
  test.same(configuration.advertise, {}, 'nothing advertised');
  test.equal(configuration.certificates.lifetimeMs, 86_400_000, 'certificates live a day');
  test.match(configuration.agent.command, [/agent\/bin\/wombat-agent$/], 'the launcher of the agent beside the coordinator');
  test.ok(path.isAbsolute(loadConfiguration({}).directory), 'the default directory is absolute');
  test.end();
});

void t.test('a flag wins over the environment, that over the file, that over the default', (test) => {
  const file = 'plugins = ["from-file"]\n[control]\naddress = "127.0.0.1:1"\n[log]\nlevel = "warn"\n[http]\ntls = true\n';
  const environment = { WOMBAT_CONTROL_ADDRESS: '127.0.0.1:2', WOMBAT_LOG_LEVEL: 'debug', HOME: '/root', WOMBAT_NODE_ID: 'node-x' };
  const argv = ['--control-address', '127.0.0.1:3', '--http-tls=false'];
  const configuration = load(test, { file, environment, argv });
  test.equal(configuration.control.address.port, 3, 'flag');
  test.equal(configuration.log.level, 'debug', 'environment');
  test.same(configuration.plugins, ['from-file'], 'file');
  test.equal(configuration.agents.address.port, 7421, 'default');
  test.equal(configuration.http.tls, false, 'a boolean flag with a value');
  test.equal(load(test, { argv: ['--http-tls', '--http-address', '0.0.0.0:0'] }).http.tls, true, 'and without one');
  test.end();
});

void t.test('every key can be said in all three ways', (test) => {
  const texts: Record<string, [toml: string, text: string, pick: (c: Configuration) => unknown]> = {
    directory: ['"/nowhere/x"', '/nowhere/x', (c) => c.directory],
    'control.address': ['"[::1]:0"', '[::1]:0', (c) => c.control.address],
    'agents.address': ['"0.0.0.0:9"', '0.0.0.0:9', (c) => c.agents.address],
    'http.address': ['"localhost:9"', 'localhost:9', (c) => c.http.address],
    'http.tls': ['true', 'true', (c) => c.http.tls],
    'advertise.control': ['"a.example:1"', 'a.example:1', (c) => c.advertise.control],
    'advertise.agents': ['"b.example:2"', 'b.example:2', (c) => c.advertise.agents],
    'advertise.http': ['"c.example:3"', 'c.example:3', (c) => c.advertise.http],
    'store.url': ['"postgresql://w@db/wombat?sslmode=verify-full"', 'postgresql://w@db/wombat?sslmode=verify-full', (c) => c.store.url],
    'store.password': ['"env:PASSWORD"', 'env:PASSWORD', (c) => c.store.password],
    'log.level': ['"trace"', 'trace', (c) => c.log.level],
    'log.format': ['"text"', 'text', (c) => c.log.format],
    plugins: ['["a", "b"]', 'a, b', (c) => c.plugins],
    'limits.maxNodesPerOperation': ['7', '7', (c) => c.limits.maxNodesPerOperation],
    'limits.callsPerSecond': ['70', '70', (c) => c.limits.callsPerSecond],
    'limits.callsAtOnce': ['8', '8', (c) => c.limits.callsAtOnce],
    'agent.packages': ['"/srv/packages"', '/srv/packages', (c) => c.agent.packages],
    'agent.command': ['["node", "a b.js"]', 'node "a b.js"', (c) => c.agent.command],
    'hosts.enrolTimeoutMs': ['1234', '1234', (c) => c.hosts.enrolTimeoutMs],
    'families.keepRevisions': ['3', '3', (c) => c.families.keepRevisions],
    'consoles.idleTimeoutMs': ['0', '0', (c) => c.consoles.idleTimeoutMs],
    'consoles.maximumMs': ['60000', '60000', (c) => c.consoles.maximumMs],
    'consoles.atOnce': ['4', '4', (c) => c.consoles.atOnce],
    'files.maximumBytes': ['3000000', '3000000', (c) => c.files.maximumBytes],
    'hosts.idleTtlMs': ['0', '0', (c) => c.hosts.idleTtlMs],
    'hosts.silentAfterMs': ['3000', '3000', (c) => c.hosts.silentAfterMs],
    'hosts.lostAfterMs': ['60000', '60000', (c) => c.hosts.lostAfterMs],
    'hosts.startGraceMs': ['5000', '5000', (c) => c.hosts.startGraceMs],
    'providers.callsPerSecond': ['3', '3', (c) => c.providers.callsPerSecond],
    'providers.callsAtOnce': ['2', '2', (c) => c.providers.callsAtOnce],
    'providers.hostsPerCall': ['5', '5', (c) => c.providers.hostsPerCall],
    'providers.appearWithinMs': ['0', '0', (c) => c.providers.appearWithinMs],
    'gc.sweepEveryMs': ['2000', '2000', (c) => c.gc.sweepEveryMs],
    'gc.automatic': ['true', 'true', (c) => c.gc.automatic],
    'gc.removeAfterMs': ['70000', '70000', (c) => c.gc.removeAfterMs],
    'certificates.lifetimeMs': ['600000', '600000', (c) => c.certificates.lifetimeMs],
    'certificates.renewalGraceMs': ['3600000', '3600000', (c) => c.certificates.renewalGraceMs],
    'history.keepMs': ['200000000', '200000000', (c) => c.history.keepMs],
    'history.jobBytes': ['2000000', '2000000', (c) => c.history.jobBytes],
    'events.keep': ['5000', '5000', (c) => c.events.keep],
  };
  test.same(Object.keys(texts).sort(), [...keyNames].sort(), 'the test has every key');
  const directory = test.testdir();
  for (const key of keyNames) {
    const [toml, text, pick] = texts[key]!;
    const file = path.join(directory, 'any.toml');
    // A password is for a database.
    writeFileSync(file, `${key === 'store.password' ? 'store.url = "postgresql://w@localhost/wombat"\n' : ''}${key} = ${toml}\n`);
    const inFile = pick(loadConfiguration({ argv: ['--config', file] }));
    const base = { WOMBAT_DIRECTORY: directory, ...(key === 'store.password' ? { WOMBAT_STORE_URL: 'postgresql://w@localhost/wombat' } : {}) };
    test.same(pick(loadConfiguration({ environment: { ...base, [variableOf(key)]: text } })), inFile, `${key} as a variable`);
    test.same(pick(loadConfiguration({ environment: key === 'directory' ? {} : base, argv: [`--${flagOf(key)}=${text}`] })), inFile, `${key} as a flag`);
    test.not(inFile, undefined, `${key} in the file`);
  }
  test.same(loadConfiguration({ environment: { WOMBAT_DIRECTORY: directory }, argv: ['--plugins', 'a', '--plugins', 'b,c'] }).plugins, ['a', 'b', 'c'], 'lists may be repeated');
  test.end();
});

void t.test('what is unknown is refused with the nearest there is', (test) => {
  const directory = test.testdir({ 'wombat.toml': 'direktory = "/x"\n[control]\nadress = "a:1"\n[nothing.like.it]\nx = 1\n' });
  const inFile = refusal({ environment: { WOMBAT_DIRECTORY: directory } });
  test.match(inFile, /unknown key direktory; did you mean directory\?/, 'file, top');
  test.match(inFile, /unknown key control\.adress; did you mean control\.address\?/, 'file, in a section');
  test.match(inFile, /unknown key nothing\.like\.it\.x(;|$)/, 'all of it at once');
  test.match(refusal({ argv: ['--control-adress', 'a:1'] }), /unknown argument --control-adress; did you mean --control-address\?/, 'flag');
  test.match(refusal({ argv: ['stray'] }), /unknown argument stray/, 'argument');
  test.match(refusal({ argv: ['--directory'] }), /--directory needs a value/, 'a flag without its value');
  test.match(refusal({ environment: { WOMBAT_CONTROL_ADRESS: 'a:1' } }), /WOMBAT_CONTROL_ADRESS; did you mean WOMBAT_CONTROL_ADDRESS\?/, 'variable');
  test.match(refusal({ environment: { WOMBAT_DIRECTRY: '/x' } }), /did you mean WOMBAT_DIRECTORY\?/, 'a slip in a key without section');
  test.doesNotThrow(() => load(test, { environment: { WOMBAT_NODE_ID: 'n', WOMBAT_CONTACTS: 'a@b', WOMBAT_SEED: '1' } }), 'variables of nodes and tests are not ours');
  test.end();
});

void t.test('values that do not fit are refused with their key and where they come from', (test) => {
  const cases: [ConfigurationInputs, RegExp][] = [
    [{ argv: ['--control-address', 'nonsense'] }, /control\.address \(--control-address\): is no "host:port"/],
    [{ argv: ['--control-address', '127.0.0.1:70000'] }, /control\.address/],
    [{ argv: ['--advertise-agents', 'host:0'] }, /needs a port that others can connect to/],
    [{ environment: { WOMBAT_LOG_LEVEL: 'loud' } }, /log\.level \(WOMBAT_LOG_LEVEL\)/],
    [{ environment: { WOMBAT_HTTP_TLS: 'yes' } }, /http\.tls \(WOMBAT_HTTP_TLS\)/],
    [{ environment: { WOMBAT_EVENTS_KEEP: '1e3' } }, /events\.keep/],
    [{ argv: ['--limits-max-nodes-per-operation', '20001'] }, /limits\.maxNodesPerOperation/],
    [{ argv: ['--agent-command', 'node; rm'] }, /agent\.command/],
    [{ argv: ['--config', '/no/such/file.toml'] }, /file\.toml cannot be read: ENOENT/],
  ];
  for (const [inputs, message] of cases) test.match(refusal(inputs), message, String(message));
  const broken = path.join(test.testdir({ 'x.toml': 'a = 1\nb = = 2\n' }), 'x.toml');
  test.match(refusal({ argv: ['--config', broken] }), /x\.toml:2:/, 'a syntax error has its line');
  test.end();
});

void t.test('a database has no password in its address, and says how it is known on another machine', (test) => {
  const url = (text: string): string => refusal({ argv: ['--store-url', text] });
  for (const text of ['nonsense', 'mysql://w@localhost/w', 'postgresql://localhost/w', 'postgresql://w@localhost', 'postgresql://w@localhost/a/b']) {
    test.match(url(text), /store\.url \(--store-url\): is not of the form postgresql:/, text);
  }
  const withPassword = url('postgresql://w:hunter2@localhost/w');
  test.match(withPassword, /has a password in it.*store\.password/, 'a password');
  test.notMatch(withPassword, /hunter2/, 'it is not repeated');
  test.notMatch(refusal({ argv: ['--store-url', 'postgresql://w@localhost/w', '--store-password', 'hunter2'] }), /hunter2/, 'nor when it is given as it is');
  test.match(refusal({ argv: ['--store-password', 'env:X'] }), /store\.password: it is of no use without store\.url/, 'a password for nothing');
  test.match(url('postgresql://w@db.example/w'), /must say \?sslmode=verify-full/, 'another machine');
  test.match(url('postgresql://w@db.example/w?sslmode=require'), /only verify-full and disable are known/, 'half a check');
  test.match(url('postgresql://w@localhost/w?options=-c'), /has the parameter options/, 'another parameter');
  const read = (text: string): unknown => load(test, { argv: ['--store-url', text] }).store.url;
  const local = { host: 'localhost', port: 5432, user: 'w', database: 'w', tls: undefined };
  test.strictSame(read('postgres://w@localhost/w'), local, 'on this machine');
  test.strictSame(read('postgresql://w@%2Frun%2Fpostgresql/w'), { ...local, host: '/run/postgresql' }, 'by a Unix socket');
  test.strictSame(read('postgresql://w@[::1]:1/w'), { ...local, host: '::1', port: 1 }, 'by an address of IPv6');
  test.strictSame(read('postgresql://w@db/w?sslmode=disable'), { ...local, host: 'db' }, 'without encryption');
  test.strictSame(read('postgresql://a%40b@db/w?sslmode=verify-full&sslrootcert=/ca.pem'), { ...local, user: 'a@b', host: 'db', tls: { authorityFile: '/ca.pem' } }, 'with an authority of its own');
  test.end();
});

void t.test('HTTP that others can reach needs TLS', (test) => {
  for (const host of ['0.0.0.0', '192.0.2.1', '[::]', 'wombat.example.org', '127.example.org']) {
    test.match(refusal({ argv: ['--http-address', `${host}:7422`] }), /http\.tls must be true/, host);
    test.doesNotThrow(() => load(test, { argv: ['--http-address', `${host}:7422`, '--http-tls'] }), `${host} with TLS`);
  }
  for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', 'localhost']) test.doesNotThrow(() => load(test, { argv: ['--http-address', `${host}:0`] }), host);
  test.end();
});

void t.test('the reference page is up to date', (test) => {
  const page = fileURLToPath(new URL('../../../docs/reference/configuration.md', import.meta.url));
  test.equal(readFileSync(page, 'utf8'), configurationReference(), 'run: node scripts/docs/configuration.js');
  for (const key of keyNames) test.match(configurationReference(), `## ${key}\n`, `${key} is described`);
  test.end();
});
