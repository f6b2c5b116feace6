import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { expectExit } from '../support/expect.js';
import { nameOf } from '../support/fleet-view.js';
import { packScripts } from '../support/releases.js';
import { signalProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import type { WoProcess, WoResult } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

/**
 * Writes numbered lines to stdout, to stderr every tenth, and to a log of its own, which it renames
 * every 40 lines; each line tells which it is.
 */
const talker = {
  name: 'start',
  lines: [
    'mkdir -p log', 'i=0',
    'while :; do', '  i=$((i+1))', '  echo "out $WOMBAT_NODE_NAME $i"', '  echo "own $i" >> log/own.log',
    '  if [ $((i % 10)) = 0 ]; then echo "Trouble $i" >&2; fi',
    '  if [ $((i % 40)) = 0 ]; then mv log/own.log log/own.log.$i; fi',
    '  sleep 0.1', 'done',
  ],
};

const manifest = ['apiVersion: wombat/v1', 'name: talker', 'version: "1"', 'start: bin/start', 'logFiles: [log/own.log]', ''].join('\n');

async function talking(workshop: Workshop, amount: number, options: { nodesPerHost: number }): Promise<string> {
  const tarball = await packScripts(join(workshop.directory, 'talker.tar.gz'), [talker]);
  const manifestFile = join(workshop.directory, 'wombat.release.yaml');
  await writeFile(manifestFile, manifest);
  await workshop.ok('register-provider', 'laptop', 'local');
  const release = await workshop.ok('upload-release', 'talker', tarball, '--manifest', manifestFile);
  const family = await workshop.ok('create-family', 'Talkers', '--sel', 'random');
  await workshop.ok('attach-release', family, release);
  await workshop.ok('add-domain', family, 'laptop', 'local', 'host', '--nodes-per-host', String(options.nodesPerHost));
  expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', String(amount)), 0);
  return family;
}

const numbersIn = (text: string, pattern: RegExp): number[] => [...text.matchAll(pattern)].map(([, digits]) => Number(digits));

/** Every number once, in order, from the first that was seen. */
function gapless(t: Test, numbers: readonly number[], what: string, stderr: string): void {
  const breaks = numbers.filter((number, index) => index > 0 && number !== numbers[index - 1]! + 1);
  t.strictSame(breaks, [], `${what}: every number once, in order`, { numbers: numbers.join(' '), stderr });
}

async function untilSaid(what: string, command: WoProcess, isSaid: (stdout: string) => boolean): Promise<void> {
  await until(what, () => isSaid(command.stdout) || notYet(command.stdout.slice(-600) + command.stderr.slice(-600)), { withinMs: 60_000 });
}

t.test('logs of a family: followed through crashes, by time, by text, and after removal', async (t) => {
  const workshop = await Workshop.open(t);
  const family = await talking(workshop, 3, { nodesPerHost: 2 });
  const nodes = await workshop.untilRunning(3);
  const names = nodes.map(nameOf).sort();
  // So that one is left on each of the two hosts when it is removed.
  const goner = nodes.find((node) => nodes.some((other) => other !== node && other.hostId === node.hostId))!;

  await t.test('nothing is lost and nothing comes twice when coordinator and agents are killed', async (t) => {
    const following = workshop.spawnWo(['logs', family, '-f', '--tail', '5'], { deadlineMs: 200_000 });
    const own = workshop.spawnWo(['logs', names[0]!, '-f', '--file', '*.log'], { deadlineMs: 200_000 });
    const seen = (name: string): number[] => numbersIn(following.stdout, new RegExp(`^${name} +\\| out \\S+ (\\d+)$`, 'gm'));
    await untilSaid('each node has said ten lines', following, () => names.every((name) => seen(name).length >= 10));
    await workshop.restartCoordinator();
    const before = Math.max(...names.flatMap(seen));
    await untilSaid('all nodes are followed again', following, () => names.every((name) => Math.max(...seen(name)) > before + 20));
    await untilSaid('the file is followed again', own, (said) => numbersIn(said, /\| own (\d+)$/gm).at(-1)! > before + 20);
    own.kill('SIGINT');
    const agents = workshop.agents();
    for (const agent of agents) signalProcess(agent, 'SIGKILL');
    const killedAt = Math.max(...names.flatMap(seen));
    await untilSaid('all nodes are followed after their agents have been killed', following, () => names.every((name) => Math.max(...seen(name)) > killedAt + 20));
    following.kill('SIGINT');
    const [ended, ownEnded] = await Promise.all([following.ended, own.ended]);
    t.equal(ended.code, 130, 'Ctrl-C ends it at once');
    for (const name of names) gapless(t, seen(name), name, ended.stderr);
    const ownNumbers = numbersIn(ownEnded.stdout, /\| own (\d+)$/gm);
    t.ok(ownNumbers.length > 30, 'the file was followed over renames', { stdout: ownEnded.stdout, stderr: ownEnded.stderr });
    gapless(t, ownNumbers, 'the file of its own', ownEnded.stderr);
  });
  await t.test('which logs there are, and what is in them', async (t) => {
    const listed = (JSON.parse(await workshop.ok('logs', names[0]!, '--list', '-o', 'json')) as { logs: { log: string; endOffset: string }[] }).logs;
    t.strictSame(listed.map(({ log }) => log), ['stdout', 'stderr', 'log/own.log'], 'streams and the file of its own');
    t.ok(listed.every(({ endOffset }) => Number(endOffset) > 0), 'all of them have grown');
    const trouble = expectExit(t, await workshop.wo('logs', family, '--grep', 'trouble', '-i'), 0).stdout.trimEnd().split('\n');
    t.ok(trouble.length > 3 && trouble.every((line) => / stderr +\| Trouble \d*0$/.test(line)), 'only lines with the text', { trouble });
    t.strictSame([...new Set(trouble.map((line) => line.split(' ')[0]))], names, 'nodes stand one after another, in the order of their names');
    const pattern = expectExit(t, await workshop.wo('logs', names[0]!, '--stream', 'stdout', '--grep', '/ 1[12]$/'), 0);
    t.match(pattern.stdout, /^out \S+ 11\nout \S+ 12\n$/, 'a pattern is looked for in each line');
  });

  await t.test('--since begins about a second before, at most', async (t) => {
    const last = numbersIn(await workshop.ok('logs', names[0]!, '--stream', 'stdout', '--tail', '1'), /(\d+)$/gm).at(-1)!;
    const numbers = numbersIn(await workshop.ok('logs', names[0]!, '--stream', 'stdout', '--since', '3s'), /(\d+)$/gm);
    t.ok(numbers.at(-1)! >= last, 'what was written last is there', { numbers, last });
    // Ten lines a second; a machine under load writes fewer.
    t.ok(numbers.length > 3 && numbers.length <= 75, 'three seconds are, and not much more', { numbers });
    t.equal(await workshop.ok('logs', names[0]!, '--since', '2999-01-01T00:00:00Z'), '', 'nothing comes from the future');
  });

  await t.test('logs of a removed node are read by the same command', async (t) => {
    expectExit(t, await workshop.wo('node', 'remove', nameOf(goner), '--delete-data', '--yes'), 0);
    const removed = expectExit(t, await workshop.wo('logs', nameOf(goner), '--stream', 'all', '--file', '*.log', '--since', '2000-01-01T00:00:00Z'), 0);
    t.match(removed.stderr, /was removed .* ago; its logs are kept until/);
    const ids = numbersIn(removed.stdout, /\| out \S+ (\d+)$/gm);
    t.equal(ids[0], 1, 'from the first line');
    gapless(t, ids, 'stdout of the removed node', removed.stderr);
    t.ok(numbersIn(removed.stdout, /\| own (\d+)$/gm).length > 0, 'the file of its own was kept too', { stdout: removed.stdout.slice(-500) });
  });

  await t.test('a host that is lost: the others are shown, and it is said', async (t) => {
    const [lost, other] = await workshop.fleet.nodes();
    const stopped = workshop.agents(lost!.hostId);
    for (const agent of stopped) signalProcess(agent, 'SIGSTOP');
    try {
      const isLost = async (): Promise<unknown> => {
        const result = await workshop.wo('logs', family, '--tail', '1');
        return /not been heard of/.test(result.stderr) ? result : notYet(result.stderr);
      };
      const result = expectExit(t, (await until('the host is lost', isLost, { withinMs: 90_000, everyMs: 1_000 })) as WoResult, 3);
      t.match(result.stdout, new RegExp(`^${nameOf(other!)} +\\| out`, 'm'), 'the other node is shown');
      t.notMatch(result.stdout, nameOf(lost!));
      t.match(result.stderr, /WO_HOST_UNREACHABLE: \S+ has not been heard of since 20/);
    } finally {
      for (const agent of stopped) signalProcess(agent, 'SIGCONT');
    }
  });

  const nobody = await workshop.wo('logs', 'nobody');
  expectExit(t, nobody, 5);
  t.match(nobody.stderr, /WO_NOT_FOUND: there is no node or family "nobody"/);
});
