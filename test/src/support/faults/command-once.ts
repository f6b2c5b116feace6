import { setTimeout as sleep } from 'node:timers/promises';
import { Outcome } from '@wombat/proto/agent';
import { GetJobRequest, JobServiceService, JobState, ListJobsRequest, type GetJobResponse } from '@wombat/proto/control';
import { failpointNames, type FailpointName } from '@wombat/proto/failpoints';
import type { Test } from 'tap';
import { idOf } from '../fleet-view.js';
import { seededRandom } from '../seeded-random.js';
import { notYet, until } from '../until.js';
import type { WoProcess, WoResult } from '../wo.js';
import type { FaultStage } from './fault-stage.js';
import { insist } from './insist.js';

const victims = ['client', 'coordinator', 'agent'] as const;
type Victim = (typeof victims)[number];

const passedByCommands: { readonly [victim in Victim]: RegExp } = { client: /^$/, coordinator: /^coordinator[.](exec|outcome)[.]/, agent: /^agent[.]exec[.]/ };
/** STOP is what a laptop does when it is closed, and opened again a second later. */
const signals = ['SIGKILL', 'SIGSTOP', 'SIGINT', 'SIGTERM'] as const;
const asleepMs = 1_000;
const latestMs = 1_500;
/** Exit code of `wo`. */
const unreachable = 7;
/** What is begun is not over at once. */
const argv = ['sh', '-c', 'bin/work; sleep 0.5'];

/**
 * A command for all nodes, while its client, the coordinator or an agent dies. Whatever happens, each target has one outcome and
 * has run once at most. Answers what died when, for messages.
 */
export async function commandOnce(t: Test, stage: FaultStage, seed: number): Promise<string> {
  const random = seededRandom(`command/${seed}`);
  const victim = victims[seed % victims.length]!;
  const point = pointOf(victim, Math.floor(seed / victims.length));
  const known = new Set((await jobs(stage)).map(idOf));
  await stage.begin(...(point ? [{ name: point, passing: 1 }] : []));
  const client = stage.workshop.spawnWo(['exec', stage.family, '--timeout', '20s', '-o', 'json', '--', ...argv]);
  const [done, shown] = await stage.goesOn('the command', async () => {
    const died = point ?? (await kill(stage, victim, client, random));
    return [died, await client.ended] as const;
  });
  if (point) t.ok(stage.hasActed(point), `${point} was passed`);
  const ended = await Promise.all((await jobs(stage)).filter((job) => !known.has(idOf(job))).map((job) => untilFinished(stage, idOf(job))));
  await stage.look('the command has ended', { operations: [], jobs: ended.map(({ job }) => idOf(job)) });
  // It asks again for some seconds, which may not be enough on a busy machine.
  const hasGivenUp = /SIG(KILL|INT|TERM)/.test(done) || (victim === 'coordinator' && shown.code === unreachable);
  judgeClient(t, ended, shown, hasGivenUp);
  for (const answer of ended) await judgeJob(t, stage, answer, victim);
  return done;
}

/** Consecutive seeds go through all that a command passes; undefined: it dies at some other moment. */
function pointOf(victim: Victim, index: number): FailpointName | undefined {
  const names = failpointNames.filter((name) => passedByCommands[victim].test(name));
  return names[index % (names.length + 1)];
}

async function kill(stage: FaultStage, victim: Victim, client: WoProcess, random: () => number): Promise<string> {
  const afterMs = Math.floor(random() * latestMs);
  await sleep(afterMs);
  if (victim === 'coordinator') await stage.killCoordinator();
  if (victim === 'agent') await stage.killAgent(random);
  if (victim !== 'client') return `the ${victim} after ${afterMs} ms`;
  const signal = signals[Math.floor(random() * signals.length)]!;
  client.kill(signal);
  if (signal === 'SIGSTOP') await sleep(asleepMs).then(() => client.kill('SIGCONT'));
  return `${signal} for the client after ${afterMs} ms`;
}

async function jobs({ workshop }: FaultStage): Promise<NonNullable<GetJobResponse['job']>[]> {
  return (await insist(() => workshop.coordinator.control.call(JobServiceService.listJobs, ListJobsRequest.fromPartial({})))).jobs;
}

function untilFinished({ workshop }: FaultStage, job: string): Promise<GetJobResponse> {
  return until(`${job} has ended`, async () => {
    const seen = await insist(() => workshop.coordinator.control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job })));
    return seen.job?.state === JobState.FINISHED ? seen : notYet(seen.job?.outcomes);
  }, { withinMs: 60_000 });
}

function judgeClient(t: Test, ended: readonly GetJobResponse[], shown: WoResult, hasGivenUp: boolean): void {
  if (hasGivenUp) return void t.ok(ended.length <= 1, 'what a client has asked for that is gone was done at most once');
  t.equal(ended.length, 1, `one job was made: ${shown.stderr}`);
  const { targets } = JSON.parse(shown.stdout) as { targets: { targetId: string; outcome: string; stdout?: string }[] };
  const told = targets.map(({ targetId, outcome, stdout = '' }) => [targetId, outcome, Buffer.from(stdout, 'base64').toString()]).sort();
  t.strictSame(told, outcomesOf(ended[0]!), 'the client was told what is stored, each target once');
}

async function judgeJob(t: Test, { workshop }: FaultStage, answer: GetJobResponse, victim: Victim): Promise<void> {
  const possible: readonly string[] = victim === 'agent' ? ['OUTCOME_OK', 'OUTCOME_LOST_DURING_RUN'] : ['OUTCOME_OK'];
  const outcomes = outcomesOf(answer);
  t.equal(outcomes.length, 2, 'each node has one outcome');
  t.strictSame(outcomes.filter(([, outcome]) => !possible.includes(outcome!)), [], `which is ${possible.join(' or ')}`);
  if (victim !== 'client') return;
  const replayed = JSON.parse(await workshop.ok('job', 'watch', idOf(answer.job), '-o', 'json')) as { targets: { targetId: string }[] };
  t.strictSame(replayed.targets.map(({ targetId }) => targetId).sort(), outcomes.map(([targetId]) => targetId), 'whoever comes back is told of all of them');
}

function outcomesOf({ targets }: GetJobResponse): string[][] {
  return targets.map(({ targetId, outcome, stdout }) => [targetId, `OUTCOME_${Outcome[outcome]}`, stdout.toString()]).sort();
}
