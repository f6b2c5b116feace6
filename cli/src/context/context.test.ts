import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readConfigFile, writeConfigFile } from './config-file.js';
import { configDirectory, devDirectory } from './paths.js';
import { resolveContext } from './resolve.js';

const toml = `current = "one"
[contexts.one]
address = "127.0.0.1:1"
tokenFile = "one.token"
caFile = "~/ca.pem"
[contexts.two]
address = "127.0.0.1:2"
tokenFile = "/abs/two.token"
caFile = "/abs/ca.pem"
clusterId = "c2"
`;

t.test('where things lie', async (t) => {
  t.equal(configDirectory({ HOME: '/h' }), '/h/.config/wombat');
  t.equal(configDirectory({ HOME: '/h', XDG_CONFIG_HOME: '/x' }), '/x/wombat');
  t.equal(configDirectory({ HOME: '/h', XDG_CONFIG_HOME: 'relative' }), '/h/.config/wombat', 'the XDG specification has relative paths ignored');
  t.equal(configDirectory({ HOME: '/h', XDG_CONFIG_HOME: '/x', WO_CONFIG_DIR: '/w' }), '/w');
  t.equal(devDirectory({ HOME: '/h' }), '/h/.local/share/wombat/dev');
  t.equal(devDirectory({ HOME: '/h', XDG_DATA_HOME: '/d' }), '/d/wombat/dev');
});

t.test('paths in the file are relative to it, or to the home directory', async (t) => {
  const directory = t.testdir({ 'config.toml': toml });
  const { contexts, current } = await readConfigFile(directory, { HOME: '/h' });
  t.equal(current, 'one');
  t.same(contexts['one'], { address: '127.0.0.1:1', tokenFile: join(directory, 'one.token'), caFile: '/h/ca.pem' });
  t.same((await readConfigFile(join(directory, 'nowhere'), {})).contexts, {}, 'a missing file is an empty one');
});

t.test('what is wrong in the file is named', async (t) => {
  const read = async (text: string): Promise<unknown> => readConfigFile(t.testdir({ 'config.toml': text }), {});
  await t.rejects(read('x = ['), { code: 'WO_CONFIG_INVALID', message: /config\.toml: is no TOML/ });
  await t.rejects(read('[contexts.a]\nadress = "x"'), { message: /contexts\.a has an unknown key adress/ });
  await t.rejects(read('[contexts.a]\naddress = 1'), { message: /contexts\.a\.address is no text/ });
  await t.rejects(read('contexts = 3'), { message: /contexts is no table/ });
});

t.test('written whole, for its owner alone, and read back the same', async (t) => {
  const directory = join(t.testdir({}), 'new');
  await writeConfigFile({ path: join(directory, 'config.toml'), current: 'b', contexts: { b: { address: 'h:1', tokenFile: '/t', caFile: '/c' } } });
  t.same((await readConfigFile(directory, {})).contexts, { b: { address: 'h:1', tokenFile: '/t', caFile: '/c' } });
  t.equal((await stat(join(directory, 'config.toml'))).mode & 0o777, 0o600);
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  t.match(await readFile(join(directory, 'config.toml'), 'utf8'), 'current = "b"');
});

t.test('flag, then environment, then project, then user', async (t) => {
  const home = t.testdir({ '.config': { wombat: { 'config.toml': toml } }, project: { 'wombat.toml': 'context = "two"', deep: { er: {} } } });
  const project = join(home, 'project', 'deep', 'er');
  const none = { context: undefined, address: undefined };
  const resolve = (flags: Parameters<typeof resolveContext>[0], env: Record<string, string>, cwd: string): ReturnType<typeof resolveContext> => resolveContext(flags, { env: { HOME: home, ...env }, cwd });
  const user = await resolve(none, {}, '/');
  t.match([user.name, user.address], [{ value: 'one', source: /config\.toml$/ }, { value: '127.0.0.1:1', source: /config\.toml$/ }]);
  const inProject = await resolve(none, {}, project);
  t.match([inProject.name, inProject.address, inProject.clusterId], [{ value: 'two', source: join(home, 'project', 'wombat.toml') }, { value: '127.0.0.1:2' }, { value: 'c2' }]);
  t.match((await resolve(none, { WO_CONTEXT: 'one' }, project)).name, { value: 'one', source: 'WO_CONTEXT' });
  t.match((await resolve({ context: 'two', address: undefined }, { WO_CONTEXT: 'one' }, '/')).name, { value: 'two', source: '--context' });
  const parts = await resolve(none, { WO_ADDR: 'h:9', WO_TOKEN_FILE: 'rel.token', WO_CA_FILE: '/ca' }, '/elsewhere');
  t.match([parts.address, parts.tokenFile, parts.caFile], [{ value: 'h:9', source: 'WO_ADDR' }, { value: '/elsewhere/rel.token' }, { value: '/ca', source: 'WO_CA_FILE' }]);
  t.match((await resolve({ context: undefined, address: 'flag:1' }, { WO_ADDR: 'h:9' }, '/')).address, { value: 'flag:1', source: '--address' });
  t.match((await resolve(none, { WO_CONFIG_DIR: join(home, '.config', 'wombat') }, project)).name, { value: 'one' }, 'WO_CONFIG_DIR is meant as it is: no project speaks into it');
  await t.rejects(resolve({ context: 'three', address: undefined }, {}, '/'), { code: 'WO_NO_CONTEXT', message: /no context "three" \(named by --context\).*has: one, two/ });
});

t.test('a project cannot define a context, only name one of the user', async (t) => {
  const home = t.testdir({ '.config': { wombat: { 'config.toml': toml } }, project: { 'wombat.toml': 'context = "evil"\n[contexts.evil]\naddress = "evil:1"\ntokenFile = "~/.config/wombat/one.token"\ncaFile = "ca"\n' } });
  await t.rejects(resolveContext({ context: undefined, address: undefined }, { env: { HOME: home }, cwd: join(home, 'project') }), { code: 'WO_NO_CONTEXT', message: /no context "evil"/ });
});

t.test('a file that cannot be read is an error, not an empty configuration', async (t) => {
  const directory = t.testdir({});
  await mkdir(join(directory, 'config.toml'));
  await t.rejects(readConfigFile(directory, {}), { message: /cannot be read \(EISDIR\)/ });
});
