import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { checks } from './checks/index.js';
import { strategyChecks } from './strategy-checks/index.js';
import { referenceStrategyOptions } from './testing/reference-strategy-test.js';
import { checksReference } from './reference.js';
import { referenceOptions } from './testing/reference-test.js';

t.setTimeout(120_000);

const bin = fileURLToPath(new URL('../bin/wombat-conformance.js', import.meta.url));

function run(words: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', input });
  return { status, stdout, stderr };
}

t.test('the command prints a line for each check, and ends with what came of them', (t) => {
  const { settings, command } = referenceOptions(t, 'validate');
  const { status, stdout } = run(['--settings', '-', '--slack', '5', '--only', 'validate', 'throttling', '--', ...command], JSON.stringify(settings));
  t.equal(status, 1, 'one check failed');
  t.match(stdout, /^validate +failed +no note for conformance-unknown when it is no setting\nthrottling +skipped +nothing was given/m);
  t.match(stdout, /^reference: 0 passed, 1 failed, 1 skipped$/m);
  t.end();
});

t.test('a strategy is known as one, and is given options', (t) => {
  const { command } = referenceStrategyOptions('steps');
  const { status, stdout } = run(['--option', 'ring=main', '--slack', '5', '--only', 'options', 'steps', 'join-twice', '--', ...command]);
  t.equal(status, 1, 'one check failed');
  t.match(stdout, /^options +passed\nsteps +failed +step 1: has no deadline, or one of more than an hour\njoin-twice +skipped +its steps run commands, and no nodes were given that have them\n/m);
  t.match(stdout, /^reference: 1 passed, 1 failed, 1 skipped$/m);
  t.end();
});

t.test('it ends with 0 when no check fails, and tells its checks', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs' }, (t) => {
  const { settings, command } = referenceOptions(t);
  const good = run(['--set', `cloud=${String(settings!['cloud'])}`, '--set', 'password=abcdefgh', '--slack', '5', '--only', 'abilities', '--', ...command]);
  t.equal(good.status, 0, good.stdout + good.stderr);
  t.equal(run(['--list']).stdout.trim().split('\n').length, 2 + checks.length + strategyChecks.length);
  t.equal(run(['--nonsense', '--', 'x']).status, 2);
  t.end();
});

t.test('it refuses what it does not understand', (t) => {
  const without = run([]);
  t.equal(without.status, 2);
  t.match(without.stderr, /name the program of the plugin behind --/);
  t.match(run(['--settings', '-', '--', 'x'], 'password of mine'), { status: 2, stderr: /- is no JSON object/ });
  t.match(run(['--slack', 'much', '--', 'x']), { status: 2, stderr: /much is no factor of 1 or more/ });
  t.match(run(['--host', 'size=large', '--', 'x']), { status: 2, stderr: /--host takes image, hardwareProfile, region, zone, not size/ });
  t.end();
});

t.test('the reference page is made of the checks', (t) => {
  const page = readFileSync(new URL('../../../docs/reference/conformance.md', import.meta.url), 'utf8');
  t.equal(page, checksReference(), 'run: node scripts/docs/conformance.js');
  t.end();
});
