import { readdirSync, readFileSync } from 'node:fs';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import * as agent from '@wombat/proto/agent';
import * as control from '@wombat/proto/control';
import t from 'tap';
import { coordinatorName } from '../support/control-client.js';
import { call, httpText, post, throwBehindTls, throwBytes, type AnyMethod } from '../support/fuzz/attacks.js';
import { Fuzzer } from '../support/fuzz/fuzzer.js';
import { agentsClient, joinAsHost } from '../support/host-identity.js';
import { startTimeOf } from '../support/processes.js';
import { chooseSeed, seededRandom } from '../support/seeded-random.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const cases = isFull ? 100_000 : 2_000;
/** At a time: enough to meet in the coordinator, few enough to leave it time for its timers. */
const atOnce = 16;

t.setTimeout(isFull ? 3_600_000 : 300_000);

const methodsOf = (api: object): AnyMethod[] =>
  Object.entries(api).flatMap(([name, value]) => (name.endsWith('ServiceService') ? Object.values(value as Record<string, AnyMethod>) : []));
const controlMethods = methodsOf(control);
const agentMethods = methodsOf(agent);

const frames: readonly NonNullable<agent.SessionRequest['frame']>[] = [
  { $case: 'beat', value: {} },
  { $case: 'sample', value: agent.Sample.fromPartial({}) },
  { $case: 'facts', value: agent.Facts.fromPartial({ addresses: ['127.0.0.1'] }) },
  { $case: 'status', value: agent.StatusReport.fromPartial({ complete: true, statuses: [{ nodeId: 'node-aaaaaaaaaaaa', phase: agent.NodePhase.READY }] }) },
  { $case: 'execOutcome', value: agent.ExecOutcome.fromPartial({ jobId: 'job-aaaaaaaaaaaa', targetId: 'node-aaaaaaaaaaaa' }) },
  { $case: 'assignmentsJournaled', value: { syncId: 1n } },
];
const hello = agent.SessionRequest.fromPartial({ frame: { $case: 'hello', value: agent.Hello.fromPartial({ protocolMin: 1, protocolMax: 1, agentVersion: '0.1.0', bootId: 'boot' }) } });
const encoded = (frame: agent.SessionRequest): Buffer => Buffer.from(agent.SessionRequest.encode(frame).finish());

t.test('whatever comes in at any door, the coordinator lives and answers', async (t) => {
  const seed = chooseSeed();
  t.comment(`WOMBAT_SEED=${seed}`);
  const fuzzer = new Fuzzer(seededRandom(seed));
  const workshop = await Workshop.closed(t);
  const { control: controlAddress, agents, http = '' } = await workshop.coordinator.start();
  const { token, authority } = await workshop.coordinator.credentials();
  const { pid } = workshop.coordinator;
  const startTime = startTimeOf(pid);
  const certified = await joinAsHost(agents, authority, await workshop.ok('token', 'create', 'fuzz'));

  const operator = new Client(controlAddress, credentials.createSsl(authority), { 'grpc.ssl_target_name_override': coordinatorName(authority) });
  const asOperator = new Metadata();
  asOperator.set('authorization', `Bearer ${token}`);
  const stranger = agentsClient(agents, authority);
  const host = agentsClient(agents, authority, certified);
  t.teardown(() => [operator, stranger, host].forEach((client) => client.close()));

  const message = ({ requestDeserialize, requestSerialize }: AnyMethod): Buffer =>
    fuzzer.below(3) === 0 ? fuzzer.mutated(requestSerialize(requestDeserialize(fuzzer.message()))) : fuzzer.message();
  const safely = (method: AnyMethod): Buffer => {
    try {
      return message(method);
    } catch {
      // What this end cannot read it cannot write either.
      return fuzzer.mutated(fuzzer.message());
    }
  };
  const several = (method: AnyMethod): Buffer[] => Array.from({ length: 1 + fuzzer.below(3) }, () => safely(method));
  const someFrame = (): Buffer => (fuzzer.below(3) === 0 ? encoded({ frame: fuzzer.pick(frames) }) : fuzzer.below(2) === 0 ? fuzzer.mutated(encoded({ frame: fuzzer.pick(frames) })) : fuzzer.message());
  const jsonFor = (method: AnyMethod): string | Buffer => {
    const text = JSON.stringify(fuzzer.json(method.requestDeserialize(Buffer.alloc(0)) as object));
    return fuzzer.below(4) === 0 ? fuzzer.mutated(Buffer.from(text)) : text;
  };
  const session = agent.SessionServiceService.session as unknown as AnyMethod;
  const attacks: readonly (() => Promise<unknown>)[] = [
    () => throwBytes(fuzzer.pick([controlAddress, agents, http]), fuzzer.bytes(600)),
    () => throwBytes(http, httpText(fuzzer)),
    () => throwBehindTls(fuzzer.pick([controlAddress, agents]), authority, fuzzer.below(4) === 0 ? fuzzer.bytes(400) : fuzzer.http2()),
    () => throwBehindTls(agents, authority, fuzzer.http2(), certified),
    () => again(controlMethods, (method) => call(operator, method, several(method), asOperator)),
    () => again(controlMethods, (method) => call(operator, method, several(method), asOperator)),
    () => again(agentMethods, (method) => call(fuzzer.pick([stranger, host]), method, several(method))),
    () => call(host, session, [encoded(hello), ...Array.from({ length: 1 + fuzzer.below(8) }, someFrame)]),
    () => again(controlMethods, (method) => post(http, method.path.replace(/^\/[\w.]*\.(\w+)\//, '/v1/$1/'), token, jsonFor(method))),
  ];
  function again(methods: readonly AnyMethod[], attack: (method: AnyMethod) => Promise<unknown>): Promise<unknown> {
    return attack(fuzzer.pick(methods));
  }

  const run = async (amount: number): Promise<void> => {
    let left = amount;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        if (left % 10_000 === 0) t.comment(`${left} left`);
        await attacks[left % attacks.length]!();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  // Code is compiled and caches are filled by the first of them.
  await run(cases / 4);
  const before = { memory: residentMiB(pid), files: openFiles(pid) };
  await run(cases - cases / 4);

  t.equal(startTimeOf(pid), startTime, 'it is the same process');
  // Of those of the host the coordinator keeps 16, of others none; their own clients hold a few.
  await until('connections are gone', () => openFiles(pid) <= before.files + 40 || notYet(openFiles(pid)), { withinMs: 60_000, everyMs: 500 });
  t.ok(residentMiB(pid) < before.memory + 150, `memory stays bounded: ${before.memory} MiB, then ${residentMiB(pid)} MiB`);
  t.match(await workshop.ok('version'), /coordinator/, 'it answers');
  t.match(await workshop.ok('host', 'list'), /fuzz/, 'and knows what it knew');
  const log = readFileSync(workshop.coordinator.log, 'utf8').split('\n');
  t.strictSame(log.filter((line) => /nobody heard|uncaught|FATAL/i.test(line)).slice(0, 5), [], 'no promise was rejected unheard');
  t.strictSame(log.filter((line) => line.includes('a call failed unexpectedly')).map((line) => line.slice(0, 1_500)).slice(0, 5), [], 'every refusal was foreseen');
});

function residentMiB(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
