import t from 'tap';
import { helpText } from './help.js';
import { flagOf, keyNames, keys, variableOf } from './keys.js';
import { fromFlags } from './sources.js';

void t.test('the help tells every key, its default and its variable', (test) => {
  const help = helpText();
  for (const key of keyNames) {
    const at = help.indexOf(`  --${flagOf(key)} `);
    test.ok(at >= 0, `--${flagOf(key)} is there`);
    const section = help.slice(at, help.indexOf('\n  -', at + 1));
    test.match(section, keys[key].description.replaceAll('`', '').slice(0, 40), `${key}: with its meaning`);
    test.match(section, variableOf(key), `${key}: with its variable`);
    const value = keys[key].default();
    if (keys[key].defaultText === undefined && (typeof value === 'number' || typeof value === 'boolean')) test.match(section, `default ${value}`, `${key}: with its default`);
  }
  test.notMatch(help, /`|undefined|\[object/, 'it is plain text, with nothing forgotten');
  test.end();
});

void t.test('its examples are right, and exit codes are told', (test) => {
  const lines = helpText().split('\n').filter((line) => line.startsWith('  wombat-coordinator '));
  test.equal(lines.length, 2, 'two examples');
  for (const line of lines) test.same(fromFlags(line.trim().split(' ').slice(1)).problems, [], line);
  test.match(helpText(), /exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /, 'exit codes');
  test.end();
});
