import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodePhase, type Node } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { withoutElixir, withoutErlang } from '../support/checkout.js';
import { CookieWatch } from '../support/cookie-watch.js';
import { prepareFamily } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { isAlive, isBeam, programOf, signalProcess, type Process } from '../support/processes.js';
import { packMixRelease, packOtpRelease } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(300_000);
const mesh = ['--clust', 'erlang-mesh'] as const;

interface Real {
  readonly pack: (path: string) => Promise<string>;
  /** START, STOP and NODENAME as its author writes them. */
  readonly said: readonly string[];
  /** Answers every node that it sees, itself too. */
  readonly nodes: string;
  /** Of `wo run`, and what is answered. */
  readonly runs: readonly (readonly [words: readonly string[], answer: RegExp])[];
}

const rebar3: Real = {
  pack: packOtpRelease, said: ['bin/wombat_sample start', 'bin/wombat_sample stop', 'sample'], nodes: 'wombat_sample:nodes().',
  runs: [[['ping'], /\| pong$/m], [['version'], /\| 0\.1\.0$/m], [['eval', 'A = 6, A * 7'], /\| 42$/m], [['rpc', 'lists', 'seq', '[1, 3]'], /\| \[1,2,3\]$/m]],
};
const mix: Real = {
  pack: packMixRelease, said: ['bin/wombat_mix start', 'bin/wombat_mix stop', 'mixed'], nodes: "'Elixir.WombatMix':nodes().",
  runs: [[['version'], /\| \d+\.\d+\.\d+$/m], [['rpc', 'IO.puts("é"); 6 * 7'], /\| é\n.*\| 42$/m]],
};

for (const [what, real, skip] of [['rebar3', rebar3, withoutErlang()], ['mix', mix, withoutElixir()]] as const) {
  t.test(`${what}: two nodes of a real release are one cluster, from start to stop without a cookie in any command line`, { skip }, async (t) => {
    const workshop = await Workshop.open(t);
    const watch = CookieWatch.start(t, () => workshop.nodeDirectories());
    const tarball = await real.pack(join(workshop.directory, `${what}.tar.gz`));
    const release = await workshop.ok('upload-release', what, tarball, ...real.said);
    t.match(JSON.parse(await workshop.ok('release', 'show', release, '-o', 'json')), {
      release: { artifacts: [{ platform: { os: process.platform, arch: process.arch } }] },
    }, 'what it was built for is read from its runtime');
    const family = await prepareFamily(workshop, release, { name: what, nodesPerHost: 1, flags: mesh });
    await workshop.ok('deploy-nodes', family, '--amount', '2');
    const nodes = await workshop.untilRunning(2);
    await untilOneCluster(t, workshop, family, real, nodes);
    for (const [words, answer] of real.runs) t.match(await workshop.ok('run', nameOf(nodes[0]!), ...words), answer, `wo run ${words.join(' ')}`);

    await workshop.ok('node', 'restart', nameOf(nodes[0]!));
    await untilOneCluster(t, workshop, family, real, await workshop.untilRunning(2));
    await workshop.ok('node', 'stop', family);
    t.strictSame(workshop.beams().length, 0, 'both have ended');
    await watch.check();
  });
}

t.test('relx: the release\'s own ping, run by hand, is the exception', { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  const release = await workshop.ok('upload-release', 'ping', await packOtpRelease(join(workshop.directory, 'ping.tar.gz')));
  const family = await prepareFamily(workshop, release, { name: 'Ping' });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  // It lives for some 70 ms, which a sampler on a busy machine may miss.
  let seen: readonly string[] = [];
  for (let round = 0; seen.length === 0 && round < 8; round += 1) {
    const watch = CookieWatch.start(t, () => workshop.nodeDirectories());
    for (let times = 0; times < 3; times += 1) t.match(await workshop.ok('exec', idOf(node!), '--', 'bin/wombat_sample', 'ping'), /pong/);
    seen = await watch.seen();
  }
  t.ok(seen.length > 0, 'its script hands the cookie to erl_call, as docs/reference/releases.md says');
  t.ok(seen.every((line) => /erl_call|wombat_sample/.test(line)), `and nothing else shows it: ${seen.join('; ')}`);
});

/** What finds the daemon, the key of the manifest that says so, and the program that is watched. */
const finders: readonly (readonly [what: string, key: string, program: RegExp])[] = [
  ['its session is searched', '', /run_erl/],
  ['a command of the release tells its pid', 'pidCommand: bin/find-pid\n', /beam/],
];
const findPid = { name: 'find-pid', lines: ['exec erl_call -timeout 5 -name "$WOMBAT_NODE_NAME" -a "os getpid" | tr -d \'"\''] };

t.test('relx: a daemon is found, watched over an agent\'s death, and stopped', { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  const watch = CookieWatch.start(t, () => workshop.nodeDirectories());
  const tarball = await packOtpRelease(join(workshop.directory, 'daemon.tar.gz'), [findPid]);
  for (const [index, [what, key, program]] of finders.entries()) {
    const manifest = join(workshop.directory, `daemon-${index}.yaml`);
    await writeFile(manifest, `apiVersion: wombat/v1\nmode: daemon\nstart: bin/wombat_sample daemon\n${key}`);
    const release = await workshop.ok('upload-release', `daemon ${index}`, tarball, '--manifest', manifest);
    const family = await prepareFamily(workshop, release, { name: `Daemon ${index}`, nodesPerHost: 1 });
    await workshop.ok('deploy-nodes', family, '--amount', '1');
    const node = await untilDaemonRuns(workshop, family);
    const watched = workshop.processesOfNode(idOf(node)).find(({ pid }) => BigInt(pid) === node.pid);
    t.match(watched && programOf(watched), program, `${what}: pid ${node.pid} is that of ${program.source}`);

    for (const agent of workshop.agents()) signalProcess(agent, 'SIGKILL');
    await until('another agent has a session', async () => {
      const asked = await workshop.wo('exec', family, '--erlang', 'node().');
      return asked.code === 0 ? true : notYet(asked);
    }, { everyMs: 200 });
    t.equal((await untilDaemonRuns(workshop, family)).pid, node.pid, `${what}: another agent watches the same process`);
    t.equal((await untilDaemonRuns(workshop, family)).restarts, 0, `${what}: and has started none`);

    signalProcess(beamOf(workshop, node), 'SIGKILL');
    const again = await until('the daemon that was killed is started again', async () => {
      const now = await untilDaemonRuns(workshop, family);
      return now.pid !== node.pid && now.restarts === 1 ? now : notYet(now);
    });
    const second = beamOf(workshop, again);
    await workshop.ok('node', 'stop', nameOf(again));
    t.equal(isAlive(second), false, `${what}: it was stopped`);
    t.strictSame(workshop.processesOfNode(idOf(again)).map(({ argv }) => argv.join(' ')), [], `${what}: nothing of it is left`);
  }
  const seen = await watch.seen();
  t.ok(seen.every((line) => /\/erl_call .* -a erlang is_alive $/.test(line)), `nothing shows the cookie but relx's own wait for its daemon: ${seen.join('; ')}`);
});

function beamOf(workshop: Workshop, node: Node): Process {
  const beam = workshop.processesOfNode(idOf(node)).find(isBeam);
  if (!beam) throw new Error(`${nameOf(node)} has no virtual machine`);
  return beam;
}

async function untilDaemonRuns(workshop: Workshop, family: string): Promise<Node> {
  return until('the daemon runs', async () => {
    const nodes = (await workshop.fleet.nodes()).filter(({ familyId }) => familyId === family);
    return nodes.find(({ phase, pid }) => phase === NodePhase.RUNNING && pid > 0n) ?? notYet(nodes);
  }, { everyMs: 50 });
}

async function untilOneCluster(t: Test, workshop: Workshop, family: string, { nodes: question }: Real, nodes: readonly Node[]): Promise<void> {
  const names = nodes.map(({ erlangName }) => erlangName).sort();
  await until('each node sees both', async () => {
    const said = JSON.parse(await workshop.ok('exec', family, '--erlang', question, '-o', 'json')) as { targets: { stdout: string }[] };
    const seen = said.targets.map(({ stdout }) => [...Buffer.from(stdout, 'base64').toString().matchAll(/[\w-]+@[\d.]+/g)].map(String).sort());
    return JSON.stringify(seen) === JSON.stringify([names, names]) ? true : notYet(seen);
  }, { everyMs: 200 });
  t.match(await workshop.ok('status', family), /cluster: one/, 'and the status says that it is one cluster');
}
