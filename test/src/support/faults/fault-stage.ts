import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failpointsVariable, hitFile, type FailpointName } from '@wombat/proto/failpoints';
import { Workshop, type Occasion } from '../workshop.js';
import { prepareSleepers } from '../families.js';
import { signalProcess, startTimeOf } from '../processes.js';
import { notYet, until } from '../until.js';
import { insist } from './insist.js';
import { judge, type Truth, type Violation } from './invariants.js';
import { lastReturnOfAnAgent, list } from './look-at-disk.js';
import { look, type Watched } from './look.js';
import { Observations } from './observation.js';
import { tellingDigest, tellingFiles, tellingOutput, tellingScripts } from './telling-release.js';

/** From the return of what had died to the end of what was asked for. */
const promisedMs = { coordinator: 10_000, agent: 5_000 } as const;

/** `npm run test:faults` measures, on a machine with nothing else to do; elsewhere a busy machine is no violation. */
const slack = process.env['WOMBAT_FAULT_RESULTS'] ? 1 : 6;

/** The driver starts a dead agent again after a second. */
const watchEveryMs = 20;

/** One that cannot start is not started for ever. */
const mostDeaths = 10;

const canary = `canary-${randomBytes(12).toString('hex')}`;

/**
 * A coordinator that is started again whenever it dies, a family of nodes that tell of themselves, and one hand at the
 * failpoints of all processes. Serves many runs, one after another; what each leaves is looked at and judged.
 */
export class FaultStage {
  readonly workshop: Workshop;
  readonly family: string;
  readonly observations: Observations;
  readonly #truth: Truth;
  readonly #failpoints: string;
  /** How often the coordinator has died in this run. */
  #deaths = 0;
  /** When it was back the last time, since 1970. */
  #backAtMs = Infinity;
  #restarting: Promise<void> = Promise.resolve();
  #lastSequence = 0n;
  /** It could not be started any more. */
  #broken: Error | undefined;

  static async open(t: Occasion): Promise<FaultStage> {
    const workshop = await Workshop.open(t, { environment: (directory) => ({ [failpointsVariable]: `file:${failpointsFile(directory)}` }) });
    writeFileSync(join(workshop.directory, 'canary'), canary, { mode: 0o600 });
    const flags = ['--clust', 'custom', '--clust-opt', 'cmd:bin/join', '--clust-opt', 'leave:bin/leave', '--secret', `CANARY=file:${join(workshop.directory, 'canary')}`];
    const { family } = await prepareSleepers(workshop, { scripts: tellingScripts, files: tellingFiles, flags, nodesPerHost: 1 });
    return new FaultStage(workshop, family);
  }

  private constructor(workshop: Workshop, family: string) {
    this.workshop = workshop;
    this.family = family;
    this.observations = new Observations(join(workshop.directory, 'observations.jsonl'));
    this.#failpoints = failpointsFile(workshop.directory);
    this.#truth = { releaseDigest: tellingDigest(workshop.directory), stdout: tellingOutput };
    workshop.coordinator.onDeath = () => this.#onDeath();
  }

  /** Once all agents are back: forgets the run before, and has failpoints crash whoever passes them so often. */
  async begin(...failpoints: readonly { readonly name: FailpointName; readonly passing: number }[]): Promise<void> {
    if (this.#broken) throw this.#broken;
    await insist(() => this.workshop.fleet.untilConnected());
    this.observations.clear();
    this.#deaths = 0;
    this.#lastSequence = await this.#newestSequence();
    for (const name of readdirSync(this.workshop.directory)) if (name.endsWith('.hit')) rmSync(join(this.workshop.directory, name));
    writeFileSync(this.#failpoints, failpoints.map(({ name, passing }) => `${name}=crash@${passing}`).join(';'));
  }

  /** Whether the failpoint has acted. */
  hasActed(name: FailpointName): boolean {
    return existsSync(hitFile(this.#failpoints, name));
  }

  /** Does something, and looks at what is there as soon as the failpoint has acted: whoever died is not back yet. */
  async lookingAt(name: FailpointName, step: () => Promise<void>): Promise<void> {
    let looking: Promise<void> | undefined;
    const watch = setInterval(() => {
      if (this.hasActed(name)) looking ??= this.look(`${name} has acted`);
    }, watchEveryMs);
    try {
      await step();
    } finally {
      clearInterval(watch);
      await looking;
    }
  }

  /** Does something, and notes how soon after the last death of a process in between it was done. */
  async goesOn<T>(what: string, step: () => Promise<T>): Promise<T> {
    const [begunAtMs, deaths] = [Date.now(), this.#deaths];
    const result = await step();
    const doneAtMs = Date.now();
    const agentAtMs = lastReturnOfAnAgent(this.workshop.hostDirectories());
    // Where both have died each has waited for the other, too.
    const [coordinatorDied, agentDied] = [this.#deaths > deaths, agentAtMs > begunAtMs];
    if (coordinatorDied && !agentDied) this.observations.add({ kind: 'time', what: `${what}, once the coordinator was back,`, ms: Math.max(0, doneAtMs - this.#backAtMs), atMostMs: promisedMs.coordinator * slack });
    if (agentDied && !coordinatorDied) this.observations.add({ kind: 'time', what: `${what}, once an agent was back,`, ms: doneAtMs - agentAtMs, atMostMs: promisedMs.agent * slack });
    return result;
  }

  /** Kills one of the agents; the driver starts it again. */
  async killAgent(random: () => number): Promise<void> {
    const agents = this.workshop.agents();
    const chosen = agents[Math.floor(random() * agents.length)];
    if (!chosen) return;
    this.observations.add({ kind: 'fault', what: `the agent of ${chosen.environment['WOMBAT_HOST_ID']} is killed` });
    signalProcess(chosen, 'SIGKILL');
    await this.look('an agent has died');
  }

  async look(moment: string, watched?: Watched): Promise<void> {
    this.observations.add(await insist(() => look(this.workshop, moment, watched)));
  }

  /** Kills the coordinator as a power cut does; it is started again at once. */
  async killCoordinator(): Promise<void> {
    await this.#restarting;
    const { pid } = this.workshop.coordinator;
    const deaths = this.#deaths;
    signalProcess({ pid, startTime: startTimeOf(pid) ?? '' }, 'SIGKILL');
    await until('the coordinator has died', () => this.#deaths > deaths || notYet(pid), { everyMs: 5 });
    await this.#restarting;
  }

  /** Adds what only the end of a run shows, and judges all of it. */
  async judge(): Promise<Violation[]> {
    for (const { sequence, time, type, hostId, nodeId, reason, message, payload } of await this.workshop.fleet.eventsAfter(this.#lastSequence)) {
      this.observations.add({ kind: 'event', sequence: Number(sequence), time: time?.toISOString() ?? '', type, hostId, nodeId, reason, message, key: keyOf(payload) });
    }
    for (const where of this.#leaks()) this.observations.add({ kind: 'leak', where });
    for (const path of this.#strays()) this.observations.add({ kind: 'stray', path });
    return judge(this.observations.all, this.#truth);
  }

  /** Keeps what was observed where the workshop's end does not remove it. */
  keep(file: string): void {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, this.observations.text());
  }

  #onDeath(): void {
    const death = ++this.#deaths;
    // Who calls it may have its answer before this process knows that it serves.
    this.#backAtMs = Infinity;
    this.#restarting = this.#restarting.then(() => this.#restart(death));
  }

  async #restart(death: number): Promise<void> {
    try {
      this.observations.add({ kind: 'fault', what: 'the coordinator has died' }, await look(this.workshop, 'the coordinator has died'));
      await this.workshop.coordinator.start();
      this.#backAtMs = Date.now();
    } catch (error) {
      // It died again while it started, and is started once more.
      if (this.#deaths > death && death < mostDeaths) return;
      this.#broken = error as Error;
    }
  }

  async #newestSequence(): Promise<bigint> {
    for (let newest = this.#lastSequence; ; ) {
      const events = await this.workshop.fleet.eventsAfter(newest);
      if (events.length === 0) return newest;
      newest = events.at(-1)!.sequence;
    }
  }

  #leaks(): string[] {
    const { workshop, observations } = this;
    const files = [workshop.coordinator.log, ...workshop.hostDirectories().flatMap((host) => [join(host, 'agent.log'), join(host, 'agent.out')])];
    const texts: [string, string][] = [...files.map((file): [string, string] => [file, readOrEmpty(file)]), ['what was observed', observations.text()]];
    const commands = workshop.processes().map(({ argv }): [string, string] => ['a command line', argv.join(' ')]);
    return [...texts, ...commands].flatMap(([where, text]) => (text.includes(canary) ? [where] : []));
  }

  #strays(): string[] {
    const { directory } = this.workshop;
    const inHosts = this.workshop.hostDirectories().flatMap((host) => list(host)).filter((path) => !ofHosts.test(path));
    return [...list(directory).filter((path) => !ofWorkshops.test(path)), ...inHosts];
  }
}

const ofWorkshops = /\/(coordinator|coordinator[.]log|config[.]toml|canary|sleepers[.]tar[.]gz|failpoints|failpoints[.][\w.-]+[.]hit|observations[.]jsonl)$/;
const ofHosts = /\/(agent[.](log|out|lock|lock[.]\w+)|join-token([.]\w+[.]tmp)?|releases|nodes|exec|nodes[.]journal|exec[.]journal|exec[.]key|identity|hardware[.]json|logs|removed-logs)$/;

function failpointsFile(directory: string): string {
  return join(directory, 'failpoints');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function keyOf(payload: string): string {
  return payload === '' ? '' : ((JSON.parse(payload) as { publicKeySha256?: string }).publicKeySha256 ?? '');
}
