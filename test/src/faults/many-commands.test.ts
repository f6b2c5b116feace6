import { setMaxListeners } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { CreateJobRequest, JobServiceService, TargetKind, type JobTarget } from '@wombat/proto/control';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { AgentCore } from '../../../agent/dist/nodes/agent-core.js';
import { CopyingReleases } from '../../../agent/dist/nodes/testing/copying-releases.js';
import { noArtifacts } from '../../../agent/dist/testing/no-artifacts.js';
import { AgentSession } from '../support/agent-session.js';
import { joinMany, type JoinedHost } from '../support/join-many.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const [amount, timeoutMs, loudBytes] = isFull ? [1_000, 20_000, 1024 ** 3] : [50, 10_000, 16 * 1024 ** 2];
/** Where nothing is measured the machine is shared with others. */
const slackMs = process.env['WOMBAT_FAULT_RESULTS'] ? 0 : 15_000;
const mostMiB = 300;
/** A number that no other process of the machine sleeps for. */
const forEver = '87654322';

t.setTimeout(300_000);

/** What a command leaves each time that it is run. */
const once = 'once\n';

type Kind = 'loud' | 'odd' | 'hangs' | 'leaves' | 'returns' | 'well' | 'prompt';

/** Of those that are prompt nothing is run: so many agents in one process, on one machine, would wait for each other. */
const behaviour: { readonly [kind in Exclude<Kind, 'prompt'>]: string } = {
  loud: `head -c ${loudBytes} /dev/zero`,
  odd: `printf 'a\\377\\300\\200b\\033]0;owned\\007\\033[2J\\302\\233 31m'`,
  hangs: `trap '' TERM; sleep ${forEver} & while :; do wait; sleep 1; done`,
  leaves: `echo half; : >half; exec sleep ${forEver}`,
  returns: 'echo half; : >half; while [ ! -e back ] && [ $((i+=1)) -lt 1000 ]; do sleep 0.02; done; echo whole',
  well: 'echo well',
};
const expected: { readonly [kind in Kind]: { readonly outcome: Outcome; readonly stdout?: Buffer } } = {
  loud: { outcome: Outcome.OK },
  odd: { outcome: Outcome.OK, stdout: Buffer.from('a\xff\xc0\x80b\x1b]0;owned\x07\x1b[2J\xc2\x9b 31m', 'latin1') },
  hangs: { outcome: Outcome.TIMED_OUT, stdout: Buffer.alloc(0) },
  leaves: { outcome: Outcome.LOST_DURING_RUN, stdout: Buffer.alloc(0) },
  returns: { outcome: Outcome.OK, stdout: Buffer.from('half\nwhole\n') },
  well: { outcome: Outcome.OK, stdout: Buffer.from('well\n') },
  prompt: { outcome: Outcome.OK, stdout: Buffer.alloc(0) },
};

/** Of twenty one hangs, and one leaves in the middle of its output; of the first hundred some leave and come back, or run to their end. */
function kindOf(number: number): Kind {
  if (number === 0) return 'loud';
  if (number === 1) return 'odd';
  if (number < 100 && number % 20 === 4) return 'returns';
  if (number < 100 && number % 20 === 5) return 'well';
  return ({ 2: 'hangs', 3: 'leaves' } as const)[number % 20] ?? 'prompt';
}

/** The whole of an agent but its process; of one that is prompt, its session alone. Its session can be cut and begun anew. */
class Member {
  readonly kind: Kind;
  readonly core: AgentCore | undefined;
  #session: AgentSession | undefined;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(readonly host: JoinedHost, number: number, readonly directory: string) {
    this.kind = kindOf(number);
    if (this.kind === 'prompt') return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'does'), behaviour[this.kind]);
    this.core = new AgentCore({
      directory, hostId: host.hostId, bootId: 'boot', artifacts: noArtifacts, releases: new CopyingReleases(join(directory, 'none')), log: pino({ level: 'silent' }),
      epmd: { directory: join(directory, 'epmd'), addresses: [] },
    });
  }

  get isOpen(): boolean {
    return this.#session?.isOpen === true;
  }

  get hasWrittenHalf(): boolean {
    return existsSync(join(this.directory, 'half'));
  }

  get runs(): string {
    return this.kind === 'prompt' ? once : readFileSync(join(this.directory, 'runs'), 'utf8');
  }

  connect(authority: Buffer, port: number): void {
    this.#stop = new AbortController();
    setMaxListeners(0, this.#stop.signal);
    this.#session = new AgentSession(this.host, authority, port, this.core && { handlers: this.core });
    this.#running = this.#session.run(this.#stop.signal);
  }

  async cut(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  goOn(): void {
    writeFileSync(join(this.directory, 'back'), '');
  }
}

async function openCrowd(t: Test, workshop: Workshop): Promise<{ readonly members: readonly Member[]; readonly connect: (member: Member) => void }> {
  const { agents } = await workshop.coordinator.connect();
  const { authority } = await workshop.coordinator.credentials();
  const hosts = await joinMany(workshop, amount);
  const members = hosts.map((host, number) => new Member(host, number, join(workshop.directory, 'crowd', String(number))));
  t.teardown(() => Promise.all(members.map(async (member) => {
    await member.cut();
    await member.core?.stop();
  })));
  const connect = (member: Member): void => member.connect(authority, Number(agents.split(':')[1]));
  for (const member of members) {
    await member.core?.start();
    connect(member);
  }
  await until('all are connected', () => members.every(({ isOpen }) => isOpen) || notYet(members.filter(({ isOpen }) => isOpen).length), { withinMs: 60_000 });
  return { members, connect };
}

t.test(`F30: of ${amount} targets some hang, some disconnect in the middle of their output, one prints without end`, async (t) => {
  const workshop = await Workshop.open(t);
  const { members, connect } = await openCrowd(t, workshop);
  const { control, pid } = workshop.coordinator;

  const asked = performance.now();
  const argv = ['sh', '-c', 'cd ..; echo once >>runs; . ./does'];
  const request = { expression: 'host.name matches /^machine /', on: TargetKind.HOSTS, action: { kind: { $case: 'command' as const, value: { argv } } }, timeout: durationFromMs(timeoutMs) };
  const { job } = await control.call(JobServiceService.createJob, CreateJobRequest.fromPartial(request));
  const leaving = members.filter(({ kind }) => kind === 'leaves' || kind === 'returns').map(async (member) => {
    await until('half of its output is written', () => member.hasWrittenHalf || notYet(member.kind), { withinMs: timeoutMs, everyMs: 20 });
    await member.cut();
    if (member.kind === 'leaves') return;
    connect(member);
    member.goOn();
  });
  const targets = new Map<string, JobTarget>();
  let told = 0;
  for await (const { kind } of control.stream(JobServiceService.watchJob, { job: job!.metadata!.id, grouped: false, live: false })) {
    if (kind?.$case !== 'target') continue;
    told += 1;
    targets.set(kind.value.targetId, kind.value);
  }
  const tookMs = performance.now() - asked;
  await Promise.all(leaving);
  t.comment(`${amount} targets: ${Math.round(tookMs)} ms with a deadline of ${timeoutMs} ms; the coordinator had ${Math.round(peakMiB(pid))} MiB at most`);

  t.ok(tookMs <= timeoutMs + 1_000 + slackMs, `who asked is answered at the deadline and a second (${Math.round(tookMs)} ms)`);
  t.equal(told, amount, 'every target has one outcome, told once');
  const wrong = members.filter(({ kind, host: { hostId } }) => {
    const target = targets.get(hostId);
    const { outcome, stdout } = expected[kind];
    return target?.outcome !== outcome || (stdout !== undefined && !stdout.equals(target.stdout));
  });
  t.strictSame(wrong.map(({ kind, host: { hostId } }) => [kind, Outcome[targets.get(hostId)?.outcome ?? 0], targets.get(hostId)?.stdout.toString()]), [], 'each is what happened, and no output is lost or doubled');
  const loud = targets.get(members[0]!.host.hostId);
  t.equal(loud?.stdout.length, 1024 ** 2, 'of an output without end a bounded part is kept');
  const lostBytes = Number(loud?.stdoutLostBytes);
  // What is written in the very moment in which the output is cut back is counted by nobody.
  t.ok(lostBytes > loudBytes * 0.9 && lostBytes <= loudBytes - 1024 ** 2, `and what is lost is told (${lostBytes})`);
  t.strictSame(members.filter(({ runs }) => runs !== once).map(({ kind }) => kind), [], 'each ran once');
  t.ok(peakMiB(pid) < mostMiB, `the memory of the coordinator stayed bounded (${Math.round(peakMiB(pid))} MiB)`);
  const terminal = workshop.terminal(['job', 'watch', job!.metadata!.id]);
  t.teardown(() => terminal.close());
  t.equal(await terminal.ended, 3, `a terminal is told of it: ${terminal.output.slice(-300)}`);
  t.notMatch(terminal.output, /[\u0007\u009b]|\u001b\]|\u001b\[2J/, 'nothing of it commands the terminal');
  t.match(terminal.output, /\\x1b\]0;owned\\x07/, 'it is shown');
  await until('nothing of it runs', () => {
    const left = workshop.processes().filter(({ argv: words }) => words.includes(forEver));
    return left.length === 0 || notYet(left.map(({ pid, argv: words }) => `${pid} ${words.join(' ')}`));
  });
});

function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}
