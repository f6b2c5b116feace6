import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keyNames } from './keys.js';
import { loadConfiguration } from './load-configuration.js';
import { configurationTemplate } from './template.js';

/** With every default in force. */
const uncommented = (text: string): string => text.replace(/^#(?=\w+ = )/gm, '');

t.test('as it stands it changes nothing', async (t) => {
  const file = join(t.testdir({}), 'wombat.toml');
  writeFileSync(file, configurationTemplate());
  t.same(loadConfiguration({ argv: ['--config', file] }), loadConfiguration({}), 'only comments');
});

t.test('it has every key, and each default is one that is read', async (t) => {
  const file = join(t.testdir({}), 'wombat.toml');
  writeFileSync(file, uncommented(configurationTemplate()));
  const { advertise, store, ...read } = loadConfiguration({ argv: ['--config', file] });
  const { advertise: _none, store: _file, ...byDefault } = loadConfiguration({});
  t.same(read, byDefault, 'the defaults that it tells are the defaults');
  t.same([...Object.keys(advertise), ...Object.keys(store)], ['control', 'agents', 'http', 'url', 'password'], 'keys without a default have an example');
  const lines = configurationTemplate().split('\n');
  t.equal(lines.filter((line) => /^#\w+ = /.test(line)).length, keyNames.length, 'one line for each key');
  t.ok(lines.every((line) => line.length <= 400), 'no line that runs away');
});
