import type { Test } from 'tap';
import type { Host } from '../domain/model/host.js';
import type { Job, JobTarget } from '../domain/model/job.js';
import { JobService, type JobRequest } from '../engine/jobs/job-service.js';
import { requireTargets, type Asked } from '../engine/jobs/resolve-targets.js';
import { withLanes } from '../engine/jobs/target-lanes.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { CountingIds, idNumber } from './counting-ids.js';
import { FakeFleet, type SentExec } from './fake-fleet.js';
import { fakeSecrets } from './fake-secrets.js';
import { LogBook } from './log-book.js';
import { familyRow, hostRow, nodeRow } from './rows.js';
import { openTestStore, put, row } from './test-store.js';

export const family = familyRow({ name: 'web family' });
export const host = (number: number): string => idNumber('host', number);
/** On the nodes of that family. */
export const request = {
  principal: 'ada', expression: 'web family', timeoutMs: 60_000, all: false,
  action: { kind: { $case: 'command' as const, value: { argv: ['hostname'], environment: {}, settings: undefined } } },
};

/** Jobs on a real store, with a fleet that the test plays. */
export class Setting {
  readonly fleet = new FakeFleet();
  readonly log = new LogBook();
  readonly #ids = new CountingIds();
  jobs!: JobService;
  /** As after a start: hosts that are away are awaited. */
  gathersHosts = false;

  private constructor(readonly store: Store, readonly clock: ManualClock) {
    this.restart();
  }

  /** A family of so many nodes on as many hosts, all connected. */
  static async of(test: Test, size = 3, hostFields: (number: number) => Partial<Host> = () => ({})): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    const numbers = Array.from({ length: size }, (_, index) => index + 1);
    await put(store, 'families', family);
    await put(store, 'hosts', ...numbers.map((number) => hostRow(number, hostFields(number))));
    await put(store, 'nodes', ...numbers.map((number) => nodeRow(family.id, number)));
    const setting = new Setting(store, clock);
    setting.fleet.connect(...numbers.map(host));
    return setting;
  }

  /** Another process on the same store. */
  restart(): void {
    this.jobs = new JobService({ store: this.store, fleet: this.fleet, clock: this.clock, ids: this.#ids, secrets: fakeSecrets, log: this.log, gathersHosts: () => this.gathersHosts });
  }

  async create({ expression, ...asked }: Omit<JobRequest, 'resolution'> & Asked): Promise<Job> {
    const resolution = await withLanes(this.store.read, await requireTargets(this.store.read, { expression, ...asked }), asked.limits?.per);
    const { job, targets } = await this.store.transaction((transaction) => this.jobs.insert(transaction, { resolution, ...asked }));
    return this.jobs.send(job, targets);
  }

  async targets(job: Job): Promise<Record<string, string | undefined>> {
    const targets = await this.store.read.jobTargets.find({ jobId: job.id });
    return Object.fromEntries(targets.map((target) => [target.name, target.outcome]));
  }

  job(job: Job): Promise<Job> {
    return row(this.store, 'jobs', job.id);
  }

  async target(exec: SentExec): Promise<JobTarget> {
    return row(this.store, 'jobTargets', `${exec.job.jobId}/${exec.targetId}`);
  }

  sent(): string[] {
    return this.fleet.execs.map((exec) => `${exec.hostId.at(-1)} ${exec.targetId.at(-1)}`);
  }
}
