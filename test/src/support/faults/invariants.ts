import { groupBy } from '@wombat/proto';
import type { Look, Observation, SeenEvent, SeenTarget } from './observation.js';

/** What must be so whatever has failed: docs/reliability.md. */
export const invariants = {
  I1: 'every operation has ended',
  I2: 'every node runs in a root made from one complete tree of its release',
  I3: 'the machines of the provider are the hosts of the coordinator',
  I4: 'the history has no gap and nothing twice',
  I5: 'a join token has made one identity',
  I6: 'a command ran at most once on a node, and no output was invented',
  I7: 'no process of a node was started or ended unasked',
  I8: 'no secret in a log, an event, an answer or a command line',
  I9: 'no file where nobody may write',
  time: 'what has a bound was done within it',
} as const;

export type Invariant = keyof typeof invariants;

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
}

/** What the observations are compared with. */
export interface Truth {
  /** Of a whole tree of the release. */
  readonly releaseDigest: string;
  /** What a command that ran has printed. */
  readonly stdout: string;
}

/** Judges a run by what was observed in it. */
export function judge(observations: readonly Observation[], truth: Truth): Violation[] {
  const looks = observations.filter((each) => each.kind === 'look');
  const events = observations.filter((each) => each.kind === 'event');
  const found: Record<Invariant, readonly string[]> = {
    I1: looks.flatMap(unfinished),
    I2: looks.flatMap((look) => halfMade(look, truth)),
    I3: looks.flatMap(strayMachines),
    I4: gaps(events),
    I5: doubledIdentities(events),
    I6: looks.flatMap((look) => doubledRuns(look, truth)),
    I7: [...looks.flatMap(doubledProcesses), ...changedProcesses(observations)],
    I8: observations.flatMap((each) => (each.kind === 'leak' ? [each.where] : [])),
    I9: observations.flatMap((each) => (each.kind === 'stray' ? [each.path] : [])),
    time: observations.flatMap((each) => (each.kind === 'time' && each.ms > each.atMostMs ? [`${each.what} took ${each.ms} ms, not ${each.atMostMs}`] : [])),
  };
  return Object.entries(found).flatMap(([invariant, all]) => all.map((what) => ({ invariant: invariant as Invariant, what })));
}

/** Whoever looks at what is told has waited until it should have ended. */
function unfinished({ moment, told }: Look): string[] {
  const running = told?.operations.filter(({ isFinished }) => !isFinished) ?? [];
  const failed = told?.operations.filter(({ isFinished, state }) => isFinished && state !== 'succeeded') ?? [];
  return [...running.map(({ id, state }) => `${moment}: ${id} is ${state}`), ...failed.map(({ id, state }) => `${moment}: ${id} has ${state}, and nothing was wrong with what was asked`)];
}

function halfMade({ moment, trees, processes }: Look, { releaseDigest }: Truth): string[] {
  const half = trees.filter(({ digest }) => digest !== releaseDigest).map(({ path, digest }) => `${moment}: ${path} is not the release: ${digest}`);
  const rooted = new Set(trees.map(({ nodeId }) => nodeId));
  const rootless = processes.filter(({ nodeId }) => !rooted.has(nodeId)).map(({ nodeId, pid }) => `${moment}: ${pid} of ${nodeId} runs without a root`);
  return [...half, ...rootless];
}

const inFlight = ['requested', 'creating', 'destroying'];

function strayMachines({ moment, machines, agents, told }: Look): string[] {
  const doubledKeys = doubles(machines.map(({ key }) => key)).map((key) => `${moment}: there are two machines for ${key}`);
  const doubledAgents = doubles(agents.map(({ hostId }) => hostId)).map((hostId) => `${moment}: ${hostId} has two agents`);
  if (!told) return [...doubledKeys, ...doubledAgents];
  const settled = told.hosts.filter(({ phase }) => !inFlight.includes(phase));
  const missing = settled.filter(({ id }) => !machines.some(({ hostId }) => hostId === id)).map(({ id, phase }) => `${moment}: ${id} is ${phase} and has no machine`);
  const orphans = machines.filter(({ hostId }) => !told.hosts.some(({ id }) => id === hostId)).map(({ hostId }) => `${moment}: a machine runs for ${hostId}, which is no host`);
  const wrong = settled.filter(({ id, machineId }) => machines.some((each) => each.hostId === id && each.machineId !== machineId)).map(({ id, machineId }) => `${moment}: ${id} does not know its machine: ${JSON.stringify(machineId)}`);
  return [...doubledKeys, ...doubledAgents, ...missing, ...orphans, ...wrong];
}

function gaps(events: readonly SeenEvent[]): string[] {
  return events.slice(1).flatMap(({ sequence }, index) => (sequence === events[index]!.sequence + 1 ? [] : [`${events[index]!.sequence} is followed by ${sequence}`]));
}

/** An agent that has died before it had its answer comes again with its key, maybe with another token: that is the same identity. */
function doubledIdentities(events: readonly SeenEvent[]): string[] {
  const enrolled = new Set(events.filter(({ type }) => type === 'host.enrolled').map(({ hostId, key }) => `${hostId} ${key}`));
  return doubles([...enrolled].map((each) => each.split(' ')[0]!)).map((hostId) => `${hostId} was enrolled with two keys`);
}

function doubledRuns({ moment, lines, told }: Look, { stdout }: Truth): string[] {
  const runs = lines.filter(({ file }) => file === 'runs');
  const doubled = runs.flatMap(({ nodeId, lines: ids }) => doubles(ids).map((id) => `${moment}: ${id} ran twice on ${nodeId}`));
  const invented = (told?.targets ?? []).filter((target) => !stdout.startsWith(target.stdout)).map(({ nodeId, stdout: seen }) => `${moment}: ${nodeId} has printed ${JSON.stringify(seen)}`);
  // What a node has written goes with it.
  const isGone = ({ nodeId }: SeenTarget): boolean => !told?.nodes.some(({ id }) => id === nodeId);
  const ran = (target: SeenTarget): boolean => isGone(target) || runs.some(({ nodeId, lines: ids }) => nodeId === target.nodeId && ids.includes(target.jobId));
  const unproven = (told?.targets ?? []).filter((target) => target.outcome === 'ok' && (target.stdout !== stdout || !ran(target))).map(({ nodeId, jobId }) => `${moment}: ${jobId} is ok on ${nodeId}, where it has not run to its end`);
  return [...doubled, ...invented, ...unproven];
}

/** One process for each node that runs, the one that coordinator and journal tell of; and it was started once. */
function doubledProcesses({ moment, processes, lines, journals, told }: Look): string[] {
  const doubled = doubles(processes.map(({ nodeId }) => nodeId)).map((nodeId) => `${moment}: ${nodeId} runs twice`);
  const restarted = lines.filter(({ file, lines: starts }) => file === 'starts' && starts.length > 1).map(({ nodeId, lines: starts }) => `${moment}: ${nodeId} was started ${starts.length} times`);
  if (!told) return [...doubled, ...restarted];
  const running = told.nodes.filter(({ phase }) => phase === 'running');
  const wrong = running.filter(({ id, pid }) => !processes.some((each) => each.nodeId === id && each.pid === pid)).map(({ id, pid }) => `${moment}: ${id} is said to run as ${pid}, and does not`);
  const unknown = running.filter(({ id, hostId }) => !journals.some((each) => each.nodeId === id && each.hostId === hostId && each.isRunning)).map(({ id }) => `${moment}: the journal of its host does not know that ${id} runs`);
  const strays = processes.filter(({ nodeId }) => !told.nodes.some(({ id }) => id === nodeId)).map(({ nodeId, pid }) => `${moment}: ${pid} runs for ${nodeId}, which is no node`);
  return [...doubled, ...restarted, ...wrong, ...unknown, ...strays];
}

/** From one look to every later one, unless somebody has asked for a change in between. */
function changedProcesses(observations: readonly Observation[]): string[] {
  const violations: string[] = [];
  const known = new Map<string, string>();
  for (const each of observations) {
    if (each.kind === 'instruction') for (const nodeId of each.nodeIds) known.delete(nodeId);
    if (each.kind !== 'look') continue;
    const now = new Map(each.processes.map(({ nodeId, pid, startTime }) => [nodeId, `${pid} of ${startTime}`]));
    for (const [nodeId, before] of known) {
      if (now.get(nodeId) !== before) violations.push(`${each.moment}: ${nodeId} ran as ${before}, and now as ${now.get(nodeId) ?? 'nothing'}`);
    }
    const instructed = observations.slice(0, observations.indexOf(each)).flatMap((one) => (one.kind === 'instruction' ? one.nodeIds : []));
    for (const [nodeId, process] of now) if (!instructed.includes(nodeId)) known.set(nodeId, process);
  }
  return violations;
}

function doubles(keys: readonly string[]): string[] {
  return [...groupBy(keys, (key) => key)].filter(([, same]) => same.length > 1).map(([key]) => key);
}
