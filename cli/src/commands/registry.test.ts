import t from 'tap';
import { runWo } from '../testing/run-wo.js';
import { readFileSync } from 'node:fs';
import { exitCodes } from '@wombat/proto';
import { splitLine } from '../completion/shell-words.js';
import { exitCodeMeanings } from '../exit-codes.js';
import { readCommandLine } from '../program.js';
import { cliReference } from '../reference.js';
import { fakeIo } from '../testing/fake-io.js';
import { commands, nouns, programs } from './registry.js';

t.test('every command has help with its usage and at least two examples that begin with its name', async (t) => {
  for (const { path, short, summary, load } of commands) {
    const command = await load();
    t.ok(command.examples.length >= 2, `${path} has ${command.examples.length} examples, two are wanted`);
    t.match(summary, /^[a-z].*[^.]$/, `the summary of ${path} begins in lower case and ends without a period`);
    const names = [`wo ${path}`, ...(short ? [`wo ${short}`] : [])];
    const own = command.examples.filter((example) => names.some((name) => example.command.includes(name)));
    t.ok(own.length >= 1 || path === 'context use', `an example of ${path} uses the command itself`);
    for (const name of names) {
      const help = await runWo(undefined, [...name.split(' ').slice(1), '--help']);
      t.equal(help.exit, 0, `${name} --help exits 0`);
      t.equal(help.stderr, '', `${name} --help says nothing on stderr`);
      t.match(help.stdout, `${name} `, `${name} --help shows the usage`);
      for (const example of command.examples) t.ok(help.stdout.includes(example.command), `${name} --help shows the example ${example.command}`);
    }
  }
});

t.test('no two commands share a name, and every verb belongs to a noun with help', async (t) => {
  const names = [...commands.flatMap(({ path, short }) => [path, ...(short ? [short] : [])]), ...programs.map(({ path }) => path)];
  t.same(names.filter((name, index) => names.indexOf(name) !== index), [], 'names that are there twice');
  const used = new Set(commands.map(({ path }) => path.split(' ')).filter((words) => words.length === 2).map(([noun]) => noun));
  t.same([...used].sort(), Object.keys(nouns).sort(), 'nouns of the commands and nouns of help');
});

t.test('options of a command neither repeat a global one nor each other', async (t) => {
  const { globalOptions } = await import('../global-options.js');
  const namesIn = (flags: string): string[] => flags.split(/[ ,]+/).filter((word) => word.startsWith('-'));
  const taken = new Set(Object.values(globalOptions).flatMap((option) => namesIn(option.flags)));
  for (const { path, load } of commands) {
    const seen = new Set<string>();
    for (const name of Object.values((await load()).options).flatMap((option) => namesIn(option.flags))) {
      t.notOk(taken.has(name), `${path}: ${name} is a global flag already`);
      t.notOk(seen.has(name), `${path}: ${name} is there twice`);
      seen.add(name);
    }
  }
});

t.test('help of wo names every short form, every noun and every verb; help of a noun its verbs', async (t) => {
  const { stdout, exit } = await runWo(undefined, ['--help']);
  t.equal(exit, 0);
  for (const { short } of commands) if (short) t.ok(stdout.includes(short), `wo --help names ${short}`);
  for (const noun of Object.keys(nouns)) {
    const verbs = commands.filter(({ path }) => path.startsWith(`${noun} `)).map(({ path }) => path.split(' ')[1]!);
    t.ok(stdout.includes(`${noun} ${verbs.join('|')}`), `wo --help names the verbs of ${noun}`);
    const help = await runWo(undefined, [noun, '--help']);
    for (const verb of verbs) t.match(help.stdout, new RegExp(`^  ${verb} `, 'm'), `wo ${noun} --help names ${verb}`);
  }
  t.equal((await runWo(undefined, [])).stdout, stdout, 'wo alone shows the same');
  t.match((await runWo(undefined, ['help', 'family', 'create'])).stdout, 'wo create-family NAME', 'wo help family create is its --help');
});

t.test('what is named as an object is completed as one', async (t) => {
  const kinds = ['provider', 'release', 'family', 'domain', 'host', 'node', 'nodes', 'operation', 'job'];
  for (const { path, load } of commands) {
    const command = await load();
    for (const [key, spec] of Object.entries({ ...command.options, ...command.arguments })) {
      if (kinds.includes(key)) t.ok(spec.completes, `${path}: ${key} says what it completes`);
    }
  }
});

t.test('examples are true: wo understands every one', async (t) => {
  for (const { path, load } of commands) {
    for (const { command: example } of (await load()).examples) {
      for (const words of callsIn(example)) {
        if (programs.some((program) => program.path === words[0])) continue;
        const reading = await readCommandLine(words, fakeIo());
        t.not(reading.kind, 'usage', `${path}: ${example}: ${reading.kind === 'usage' ? reading.error.message : ''}`);
      }
    }
  }
});

/** The command lines of wo in a line of shell: between operators, in $(...), behind xargs. */
function callsIn(example: string): string[][] {
  const quoted: string[] = [];
  const bare = example.replace(/'[^']*'|"[^"]*"/g, (text) => `\u0001${quoted.push(text) - 1}\u0002`);
  return bare.split(/&&|\|\||[|;&()<>]|\$\(/).flatMap((part) => {
    const call = /(?:^|\s)(xargs\s.*)?\bwo\s+(.*)$/.exec(part.trim());
    if (!call) return [];
    const { words } = splitLine(`${call[2]!.replace(/\u0001(\d+)\u0002/g, (_, index: string) => quoted[Number(index)]!)} `);
    return [[...words, ...(call[1] ? ['given-by-xargs'] : [])]];
  });
}

t.test('examples are found in lines of shell', async (t) => {
  t.same(callsIn('A=$(wo a --b "x | y") && wo c $A'), [['a', '--b', 'x | y'], ['c', '$A']]);
  t.same(callsIn('wo list -q | xargs -n1 wo cancel'), [['list', '-q'], ['cancel', 'given-by-xargs']]);
});

t.test('wo help exit-codes tells every exit code', async (t) => {
  const { stdout, exit } = await runWo(undefined, ['help', 'exit-codes']);
  t.equal(exit, 0);
  for (const [code] of exitCodeMeanings) t.match(stdout, new RegExp(`^ +${code}  `, 'm'), `${code} is told`);
  const unused = [exitCodes.planHasChanges];
  t.same(exitCodeMeanings.map(([code]) => code).sort(), Object.values(exitCodes).filter((code) => !unused.some((each) => each === code)).sort(), 'those of the catalogue and no others');
});

t.test('docs/reference/cli.md is up to date', async (t) => {
  const page = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
  t.equal(page === await cliReference(), true, 'run: npm run build && node scripts/docs/cli.js');
});
