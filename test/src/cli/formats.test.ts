import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { parse as parseYaml } from 'yaml';
import { runCommandLine } from '../../../cli/dist/index.js';
import { commands } from '../../../cli/dist/commands/registry.js';
import { outputFormats, type OutputFormat } from '../../../cli/dist/global-options.js';
import { fakeIo } from '../../../cli/dist/testing/fake-io.js';
import { launchers } from '../support/checkout.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { usualEnvironment } from '../support/spawn-plain.js';
import { Workshop } from '../support/workshop.js';

/** One command line, and a text that is in its data whatever the format. */
interface Case {
  readonly words: readonly string[];
  readonly shows: string;
  /** What -o name prints, when that is not the same text. */
  readonly name?: string;
  /** It prints as it goes: with -o json too a line is a value. */
  readonly goesOn?: true;
  /** Ctrl-C ends it. */
  readonly endless?: true;
  /** For people it has talk only. */
  readonly tells?: true;
}

/** Prints with the same words in every format: it has no names to print, or it is for no program. */
const oneFormat = new Set(['completion', 'node render']);

/** Commands that change something, and print its id or nothing: their own tests look at that. */
const changes = new Set([
  'provider register', 'provider verify', 'provider remove', 'release upload', 'release remove', 'family create', 'family firewall', 'family attach', 'family domain',
  'family remove-domain', 'family deploy', 'family update', 'family policy', 'family remove', 'node start', 'node stop', 'node restart', 'node drain', 'node remove', 'node console', 'host drain',
  'family scale', 'host replace', 'host revoke', 'host update', 'host remove', 'gc', 'operation cancel', 'job cancel', 'job rerun', 'job resume', 'push', 'pull', 'run', 'operator create', 'operator revoke', 'token create', 'token revoke', 'context add', 'context use', 'context remove', 'backup', 'restore', 'init', 'dev',
]);

/** It writes more than a pipe takes. */
const start = { name: 'start', lines: ['seq 1 40000', 'echo "to be seen"', 'exec sleep 1000000'] };

async function casesIn(workshop: Workshop): Promise<Readonly<Record<string, Case>>> {
  await prepareSleepers(workshop, { name: 'Sleepers', scripts: [start] });
  await workshop.ok('family', 'env', 'Sleepers', '--set', 'COLOUR=blue');
  const operation = await workshop.ok('deploy-nodes', 'Sleepers', '--amount', '2');
  const [first] = await workshop.untilRunning(2);
  const host = (await workshop.fleet.hosts())[0];
  const exec = JSON.parse(await workshop.ok('exec', 'Sleepers', '-o', 'json', '--', 'echo', 'to be seen')) as { job: { metadata: { id: string } } };
  const job = exec.job.metadata.id;
  await workshop.ok('token', 'create', 'web-3', '-q');
  await workshop.ok('operator', 'create', 'ada', '--role', 'viewer', '-q');
  const [node, hostName] = [nameOf(first!), host?.metadata?.name ?? ''];
  return {
    'provider list': { words: [], shows: 'laptop' },
    'provider show': { words: ['laptop'], shows: 'laptop' },
    'provider images': { words: ['laptop'], shows: 'local', name: 'this machine' },
    'provider hardware': { words: ['laptop'], shows: 'host' },
    'release schema': { words: [], shows: 'runAs' },
    'release list': { words: [], shows: 'sleepers release' },
    'release show': { words: ['sleepers release'], shows: 'sleepers release' },
    'family list': { words: [], shows: 'Sleepers' },
    'family show': { words: ['Sleepers'], shows: 'Sleepers' },
    'family env': { words: ['Sleepers'], shows: 'COLOUR' },
    'family revisions': { words: ['Sleepers'], shows: 'variable COLOUR', name: '3' },
    'node list': { words: [], shows: node },
    'node show': { words: [node], shows: node },
    'node logs': { words: [node], shows: 'to be seen', goesOn: true },
    'node render': { words: [node], shows: 'COLOUR' },
    'host list': { words: [], shows: hostName },
    'host show': { words: [hostName], shows: hostName },
    'operation list': { words: [], shows: operation },
    'operation show': { words: [operation], shows: operation, name: 'deploy 2' },
    'operation watch': { words: [operation], shows: operation, tells: true },
    'job list': { words: [], shows: job },
    'job show': { words: [job], shows: job },
    'job watch': { words: [job], shows: node },
    'job output': { words: [job], shows: node },
    'event list': { words: ['--limit', '1000'], shows: 'provider.registered' },
    'event follow': { words: ['--from', '0'], shows: 'provider.registered', goesOn: true, endless: true },
    'plugin list': { words: [], shows: 'erlang-mesh' },
    'plugin show': { words: ['erlang-mesh'], shows: 'erlang-mesh' },
    'operator list': { words: [], shows: 'ada' },
    'token list': { words: [], shows: 'tok-' },
    'context list': { words: [], shows: 'test' },
    'context show': { words: [], shows: '127.0.0.1', name: 'test' },
    exec: { words: [node, '--', 'echo', 'to be seen'], shows: node },
    match: { words: ['family = Sleepers'], shows: node },
    status: { words: [], shows: 'Sleepers' },
    doctor: { words: [], shows: 'coordinator' },
    explain: { words: ['WO_NOT_FOUND'], shows: 'WO_NOT_FOUND' },
    completion: { words: ['bash'], shows: 'complete' },
    version: { words: [], shows: '0.1.0' },
  };
}

interface Printed {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program itself without a process of its own for each of some two hundred command lines. */
async function print(workshop: Workshop, path: string, { words, shows, endless }: Case, format: OutputFormat): Promise<Printed> {
  const io = fakeIo({ env: { WO_CONFIG_DIR: workshop.directory, HOME: workshop.directory } });
  const running = runCommandLine([...path.split(' '), '-o', format, ...words], io);
  if (endless) {
    await io.stdout.until(new RegExp(`${shows}.*\\n`));
    io.signals.emit('SIGINT');
  }
  const exit = await running;
  return { exit, stdout: io.stdout.text, stderr: io.stderr.text };
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** Every value that the text holds; throws when it is not of this format. */
const read: Readonly<Partial<Record<OutputFormat, (text: string, each: Case) => unknown[]>>> = {
  json: (text, { goesOn }) => (goesOn ? linesOf(text).map((line) => JSON.parse(line) as unknown) : [JSON.parse(text)]),
  jsonl: (text) => linesOf(text).map((line) => JSON.parse(line) as unknown),
  yaml: (text, { goesOn }) => (goesOn ? linesOf(text).map((line) => parseYaml(line) as unknown) : [parseYaml(text)]),
};

t.test('what commands print', async (t) => {
  const workshop = await Workshop.open(t);
  const cases = await casesIn(workshop);

  await t.test('every command that prints data does so in each format, and only data on standard output', async (t) => {
    const untold = commands.map(({ path }) => path).filter((path) => !changes.has(path) && !(path in cases));
    t.same(untold, [], 'every command that there is has a case here, or is said to change something');
    for (const [path, each] of Object.entries(cases)) {
      for (const format of outputFormats) {
        const printed = await print(workshop, path, each, format);
        const label = `wo ${path} -o ${format}`;
        t.equal(printed.exit, each.endless ? 130 : 0, `${label} ends well: ${printed.stderr}`);
        const wanted = format === 'name' ? each.name ?? each.shows : each.shows;
        if (each.tells && !read[format]) t.match(printed, { stdout: '', stderr: /./ }, `${label} talks on standard error alone`);
        else t.ok(printed.stdout.includes(wanted), `${label} has its data on standard output: ${printed.stdout.slice(0, 300)}`);
        t.notOk(/^\s*[{[]/m.test(printed.stderr), `${label} has no data on standard error: ${printed.stderr}`);
        t.notMatch(printed.stdout + printed.stderr, /\x1b|undefined|\[object/, `${label} has no colours without a terminal, and nothing that was forgotten`);
        const parse = oneFormat.has(path) ? undefined : read[format];
        t.doesNotThrow(() => {
          const values = parse?.(printed.stdout, each) ?? [{}];
          if (values.length === 0 || values.some((value) => typeof value !== 'object' || value === null)) throw new Error('no object');
        }, `${label} can be read as such: ${printed.stdout.slice(0, 300)}`);
      }
    }
  });

  await t.test('whoever has read enough ends it without a word', async (t) => {
    const [node] = await workshop.fleet.nodes();
    const name = nameOf(node!);
    for (const line of [`node logs ${name} --tail 100000`, `node logs ${name} --tail 100000 -f`, 'event list -o jsonl', 'explain', 'node list']) {
      const pipeline = `{ "$WO" ${line}; echo "exit $?" >&2; } | head -n 1`;
      const ended = await promisify(execFile)('/bin/sh', ['-c', pipeline], { env: { ...usualEnvironment(), WO: launchers.wo, WO_CONFIG_DIR: workshop.directory }, timeout: 30_000 });
      t.equal(linesOf(ended.stdout).length, 1, `wo ${line} | head -n 1: a line`);
      t.equal(ended.stderr, 'exit 0\n', `wo ${line} | head -n 1: nothing is said about the pipe`);
    }
  });
});
