import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { Catalog } from './catalog.js';
import { requireSelector } from './require-selector.js';

const sdk = join(dirname(fileURLToPath(import.meta.url)), '../../../plugins/sdk/dist/index.js');

function base(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-catalog-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A plugin in a folder of its own, as an author would lay it out. */
function writePlugin(folder: string, source: string, packageFile: object = { type: 'module', exports: './index.js' }): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(packageFile));
  writeFileSync(join(folder, 'index.js'), source);
}

function provider(name: string, changed = ''): string {
  return `import { defineProvider, z } from ${JSON.stringify(sdk)};
export const plugin = { ...defineProvider({
  name: ${JSON.stringify(name)}, version: '1', apiVersions: ['provider.v1'], summary: 's', settings: z.object({}), connect: () => ({}),
}) };
${changed}`;
}

async function refusal(sources: readonly string[], directory: string, builtIn: readonly string[] = []): Promise<WombatError> {
  try {
    await Catalog.load(sources, directory, { builtIn });
  } catch (error) {
    if (WombatError.is(error)) return error;
    throw error;
  }
  throw new Error(`${sources.join(', ')} was accepted`);
}

t.test('the built-in plugins are found by their package names', async (t) => {
  const catalog = await Catalog.load([], base(t));
  t.strictSame(catalog.providers().map(({ description }) => description.name), ['local', 'amazon-ec2', 'openstack', 'ssh', 'docker']);
  t.strictSame(catalog.strategies().map(({ description }) => description.name), ['none', 'custom', 'erlang-mesh']);
  t.equal(catalog.list()[0]?.source, '@wombat/provider-local');
});

t.test('plugins are found by folder, by file and by package name', async (t) => {
  const directory = base(t);
  writePlugin(join(directory, 'acme'), provider('acme'));
  writePlugin(join(directory, 'conditions'), provider('conditions'), { type: 'module', exports: { '.': { types: './x.d.ts', default: './index.js' } } });
  writePlugin(join(directory, 'main'), provider('main'), { type: 'module', main: 'index.js' });
  writePlugin(join(directory, 'node_modules', '@third', 'party'), provider('third-party'));
  writeFileSync(join(directory, 'single.mjs'), provider('single'));
  const sources = ['./acme', join(directory, 'conditions'), './main', '@third/party', './single.mjs', './acme'];
  const catalog = await Catalog.load(sources, directory, { builtIn: [] });
  t.strictSame(catalog.providers().map(({ description }) => description.name), ['acme', 'conditions', 'main', 'third-party', 'single'], 'named twice counts once');
});

t.test('a bad plugin is refused: which one, from where, and what is wrong', async (t) => {
  const directory = base(t);
  const bad: Record<string, readonly [string, RegExp]> = {
    throws: ["throw new Error('no database\\u001b[31m here')", /^plugin \.\/throws: no database here$/],
    syntax: ['export const plugin = ;', /^plugin \.\/syntax: Unexpected token/],
    nothing: ['', /^plugin \.\/nothing: has no export named plugin; it exports nothing$/],
    typo: ['export const plugn = 1', /has no export named plugin; it exports plugn; was plugn meant\?$/],
    byDefault: ['export default 1', /it exports default; was default meant\?$/],
    text: ["export const plugin = 'x'", /its export plugin is not made as it should: plugin: /],
    kind: ["export const plugin = { kind: 'driver' }", /plugin\.kind: /],
    future: [provider('future', "plugin.description = { ...plugin.description, apiVersions: ['provider.v2', 'provider.v3'] };"), /^plugin \.\/future: speaks provider\.v2, provider\.v3; this coordinator speaks provider\.v1$/],
    unversioned: [provider('x', 'plugin.description = { ...plugin.description, apiVersions: [] };'), /plugin\.description\.apiVersions: /],
    badName: [provider('x', "plugin.description = { ...plugin.description, name: 'Acme Cloud' };"), /plugin\.description\.name: is not made of lower-case letters, digits and dashes$/],
    badSchema: [provider('x', "plugin.description = { ...plugin.description, settingsSchema: '[]' };"), /plugin\.description\.settingsSchema: is no JSON object$/],
    noConnect: [provider('x', 'delete plugin.connect;'), /plugin\.connect: is no function$/],
    lies: [provider('x', 'plugin.description = { ...plugin.description, kind: 2 };'), /its description says another kind than provider$/],
  };
  for (const [folder, [source, message]] of Object.entries(bad)) {
    writePlugin(join(directory, folder), source);
    const error = await refusal([`./${folder}`], directory);
    t.equal(error.code, 'WO_PLUGIN_INVALID', folder);
    t.match(error.message, message, folder);
  }
});

t.test('what is not there is refused', async (t) => {
  const directory = base(t);
  mkdirSync(join(directory, 'unbuilt'));
  writeFileSync(join(directory, 'unbuilt', 'package.json'), '{"main":"dist/index.js"}');
  writeFileSync(join(directory, 'package.json'), '{}');
  const cases: Record<string, RegExp> = {
    './nowhere': /nowhere does not exist$/,
    './unbuilt': /dist\/index\.js does not exist; was the plugin built\?$/,
    '@nobody/has-this': /no package of this name is installed for /,
    'Not A Package': /is neither a folder \(\.\/NAME or an absolute path\) nor the name of a package$/,
    'http://evil/x.js': /is neither a folder/,
  };
  for (const [source, message] of Object.entries(cases)) t.match((await refusal([source], directory)).message, message, source);
});

t.test('all that is wrong is told at once', async (t) => {
  const error = await refusal(['./one', './two'], base(t));
  t.match(error.message, /^plugin \.\/one: .*; plugin \.\/two: /);
});

t.test('two plugins of one name are refused, also when they are of different kinds', async (t) => {
  const directory = base(t);
  writePlugin(join(directory, 'mine'), provider('custom'));
  const error = await refusal(['./mine'], directory, ['@wombat/bootstrap-custom']);
  t.equal(error.message, 'plugin custom (from ./mine): the name is taken by the plugin from @wombat/bootstrap-custom');
});

t.test('unknown names tell the nearest one, or all', async (t) => {
  const catalog = await Catalog.load([], base(t));
  const wrong: readonly [() => unknown, string, string][] = [
    [() => catalog.driver('locl'), 'WO_DRIVER_UNKNOWN', 'did you mean local?'],
    [() => catalog.driver('azure'), 'WO_DRIVER_UNKNOWN', 'there are: amazon-ec2, docker, local'],
    [() => catalog.driver('custom'), 'WO_DRIVER_UNKNOWN', 'there are: amazon-ec2, docker, local'],
    [() => catalog.strategy('erlang_mesh'), 'WO_STRATEGY_UNKNOWN', 'did you mean erlang-mesh?'],
    [() => catalog.strategy('riak'), 'WO_STRATEGY_UNKNOWN', 'there are: custom, erlang-mesh, none'],
    [() => requireSelector('rendom'), 'WO_SELECTOR_UNKNOWN', 'did you mean random?'],
    [() => requireSelector('nearest'), 'WO_SELECTOR_UNKNOWN', 'there are: random, oldest, all'],
  ];
  for (const [call, code, hint] of wrong) {
    try {
      call();
      t.fail(`${code} was expected`);
    } catch (error) {
      t.match(error, { code, hint });
    }
  }
  t.equal(catalog.driver('local').description.name, 'local');
  t.equal(requireSelector('all')('node-a', [{ nodeId: 'node-b', memberSince: 1 }]).length, 1);
});

t.test('what a driver answers to validate is checked, and never quotes a secret', async (t) => {
  const directory = base(t);
  const source = provider('leaky', `plugin.secretSettings = ['token'];
plugin.validate = (settings) => {
  if (settings.token === 'canary') throw new Error('cannot use ' + settings.token);
  return settings.garbage ? { notes: 'many' } : { notes: [{ level: 99, field: 'x', message: 'odd\\nthing' }], settings: {} };
};`);
  writePlugin(join(directory, 'leaky'), source);
  const driver = (await Catalog.load(['./leaky'], directory, { builtIn: [] })).driver('leaky');
  await t.rejects(async () => driver.validate({ token: 'canary' }), { code: 'WO_PLUGIN_INVALID', message: 'driver(leaky): validate failed: cannot use ***' });
  await t.rejects(async () => driver.validate({ garbage: true }), { code: 'WO_PLUGIN_INVALID', message: /^driver\(leaky\): validate failed: / });
  t.strictSame((await driver.validate({})).notes, [{ level: 3, field: 'x', message: 'odd thing' }], 'an unknown level is an error');
});
