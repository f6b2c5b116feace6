import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareFamily } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { packScripts, sleeper } from '../support/releases.js';
import { Workshop } from '../support/workshop.js';

interface JobJson {
  readonly targets: readonly { readonly targetName: string; readonly outcome: string; readonly stdout?: string; readonly error?: { readonly code: string } }[];
}

/** What it was started with, each word in hexadecimal on a line of its own. */
const backup = { name: 'backup', lines: ['for word do printf %s "$word" | od -An -v -tx1 | tr -d " \\n"; echo; done'] };
const page = readFileSync(new URL('../../../docs/reference/commands.md', import.meta.url), 'utf8');

t.test('wo run: what a release declares is run with the words that were given, by each node as its own release means it', async (t) => {
  const workshop = await Workshop.open(t);
  const manifest = join(workshop.directory, 'manifest.yaml');
  const declared = /```yaml\n([^]*?)```/.exec(page)![1]!.replace('bin/run', 'bin/start');
  const tarball = await packScripts(join(workshop.directory, 'store.tar.gz'), [sleeper, backup]);
  writeFileSync(manifest, declared);
  const older = await workshop.ok('upload-release', 'Store', tarball, '--manifest', manifest);
  const family = await prepareFamily(workshop, older, { name: 'store' });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  writeFileSync(manifest, declared.replace('apiVersion: wombat/v1', 'apiVersion: wombat/v1\nversion: "2"').replaceAll('quick', 'swift').concat('  - {name: check, argv: ["true"]}\n'));
  await workshop.ok('attach-release', family, await workshop.ok('upload-release', 'Store', tarball, '--manifest', manifest));
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [first = '', second = ''] = (await workshop.untilRunning(2)).map(nameOf).sort();
  const wordsOf = async (...words: readonly string[]): Promise<Record<string, readonly string[] | string>> => {
    const { targets } = JSON.parse((await workshop.wo('run', family, '-o', 'json', ...words)).stdout) as JobJson;
    return Object.fromEntries(targets.map(({ targetName, outcome, stdout = '', error }) => [targetName, outcome === 'OUTCOME_OK'
      ? Buffer.from(stdout, 'base64').toString().trimEnd().split('\n').map((word) => Buffer.from(word, 'hex').toString())
      : `${outcome} ${error?.code}`]));
  };

  t.strictSame(await wordsOf('backup', '/srv'), { [first]: ['--level=3', '/srv'], [second]: ['--level=3', '/srv'] }, 'both have it');
  t.strictSame(await wordsOf('backup', '/srv', '--quick'), { [first]: ['--level=3', '--quick', '/srv'], [second]: 'OUTCOME_REJECTED WO_COMMAND_ARGUMENTS' }, 'as the page says; the newer one has no such flag');
  const hostile = `--all $(id) \`id\` ; {{path:root}} {{argument.level}} "é'\\\n\t*`;
  t.strictSame(await wordsOf('backup', '--mode=full', '--', '--', hostile), { [first]: ['--level=3', 'full', hostile], [second]: ['--level=3', 'full', hostile] }, 'byte for byte, in one word');
  t.strictSame(await wordsOf('check'), { [first]: 'OUTCOME_SKIPPED WO_COMMAND_UNKNOWN', [second]: [''] }, 'who is of another release is passed over');

  const before = await workshop.ok('job', 'list', '-q');
  t.match(expectExit(t, await workshop.wo('run', family, 'backup', '/srv', '--level=high'), 2).stderr, /WO_COMMAND_ARGUMENTS.*--level is to be a whole number/);
  t.match(expectExit(t, await workshop.wo('run', family, 'bakcup'), 5).stderr, /did you mean backup/);
  t.equal(await workshop.ok('job', 'list', '-q'), before, 'nothing was stored or sent');
  t.match(await workshop.ok('run', family, '--help'), /backup PATH [^]*saves the data of a node[^]*check/, 'of the release that the family has now');
  const [job = ''] = before.split('\n');
  t.match(await workshop.ok('job', 'show', job), /command +run check/);
});
