import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '@wombat/proto';
import { NodePhase } from '@wombat/proto/agent';
import type { Node, NodePhase as NodePhaseName } from '../domain/model/node.js';
import type { NodeChange, Operation } from '../domain/model/operation.js';
import type { Store } from '../store/store.js';
import { openSqliteStore } from '../store/sqlite/open.js';
import { CountingIds } from '../testing/counting-ids.js';
import { FakeAgents } from '../testing/fake-agents.js';
import { FakeFleet, type SentExec } from '../testing/fake-fleet.js';
import { FakeProviders } from '../testing/fake-providers.js';
import { fakeSecrets } from '../testing/fake-secrets.js';
import { FakeStrategies } from '../testing/fake-strategies.js';
import { LogBook } from '../testing/log-book.js';
import { domainRow, familyRow, manifestOf, providerRow, releaseRow } from '../testing/rows.js';
import { put, row } from '../testing/test-store.js';
import { AgentUpdateController } from './agent-updates/agent-update-controller.js';
import { AgentReports } from './agent-reports.js';
import { AssignmentBuilder } from './assignment-builder.js';
import { AssignmentController } from './assignment-controller.js';
import { BootstrapController } from './bootstrap/bootstrap-controller.js';
import { drainHost, removeHost } from './change-hosts.js';
import { changeNodes } from './change-nodes.js';
import { deployNodes } from './deploy-nodes.js';
import { DrainController } from './drain/drain-controller.js';
import { Engine } from './engine.js';
import { BoundedHistory } from './bounded-history.js';
import { EventRetention } from './event-retention.js';
import { ExecOutcomes } from './exec-outcomes.js';
import { reviseFamily } from './family-revisions.js';
import { Brakes } from './healing/brakes.js';
import { FirewallController } from './firewalls/firewall-controller.js';
import { HealingController } from './healing/healing-controller.js';
import { HostController } from './host-controller.js';
import { HostSilence } from './host-silence.js';
import { JobService } from './jobs/job-service.js';
import { Machines } from './machines/machines.js';
import { OperationController } from './operation-controller.js';
import { Turns } from './operations/turns.js';
import { operationTools } from '../testing/operation-tools.js';
import { StepRunner } from './step-runner.js';
import { UpdateController } from './update/update-controller.js';
import { updateNodes } from './update/update-nodes.js';

const clock = systemClock;
/** Far below the sweep: whatever takes longer was not woken. */
const patienceMs = 10_000;

/** The coordinator's engine over a real store, and a world of fakes that outlives it. */
class World {
  readonly fleet = new FakeFleet();
  readonly providers = new FakeProviders();
  readonly log = new LogBook();
  readonly agents: FakeAgents;
  readonly ids = new CountingIds();
  store!: Store;
  #engine: Engine | undefined;
  #reports!: AgentReports;

  private constructor(readonly file: string) {
    this.agents = new FakeAgents(this.fleet, () => this.#reports);
    this.agents.output = outputOf;
    this.providers.onMachine = (hostId) => void this.agents.connect(hostId).catch(() => undefined);
  }

  static async of(test: Test, strategy: string): Promise<World> {
    const world = new World(join(test.testdir(), 'wombat.db'));
    test.teardown(() => world.kill());
    await world.start();
    await put(world.store, 'providers', providerRow());
    await put(world.store, 'releases', releaseRow({ manifest: manifestOf({ nodeName: 'web' }) }));
    await put(world.store, 'families', familyRow({}, { bootstrap: { strategy, options: {} } }));
    await put(world.store, 'domains', domainRow(familyRow().id));
    return world;
  }

  async start(): Promise<void> {
    const { fleet, providers, log, ids } = this;
    const store = (this.store = await openSqliteStore({ file: this.file, clock }));
    const strategies = new FakeStrategies();
    const steps = new StepRunner({ fleet, clock, ids });
    const jobs = new JobService({ store, fleet, clock, ids, secrets: fakeSecrets, log, gathersHosts: () => false });
    const outcomes = new ExecOutcomes(steps, jobs);
    const history = new BoundedHistory({ store, clock, log });
    const silence = new HostSilence({ store, clock, fleet, history });
    const brakes = new Brakes(store, clock);
    const builder = new AssignmentBuilder({ store, clock, secrets: fakeSecrets, strategies });
    const assignments = new AssignmentController({ store, fleet, builder });
    const machines = new Machines({
      store, clock, log, fleet, providers, clusterId: 'cluster1', revoker: { revoke: async () => undefined },
      limits: { callsPerSecond: 1_000, callsAtOnce: 4, hostsPerCall: 10 }, appearsWithinMs: 0,
    });
    const engine = (this.#engine = new Engine({
      store, clock, log, assignments, jobs, machines,
      hosts: new HostController({ store, clock, machines, silence, enrolTimeoutMs: 60_000, idleTtlMs: 0 }),
      bootstrap: new BootstrapController({ store, clock, strategies, steps, history }),
      drains: new DrainController({ store, clock, strategies, steps, history, renderings: builder }),
      operations: new OperationController(store, clock, new Turns(store, this.#operationTools())), brakes,
      updates: new UpdateController({ store, clock, strategies }),
      agentUpdates: new AgentUpdateController({ store, clock, fleet }),
      healing: new HealingController({ store, clock, ids, enforcesFirewall: () => true, strategies, brakes, lostAfterMs: 300_000, startGraceMs: 60_000 }),
      firewalls: new FirewallController({ store, clock, machines, enforcesFirewall: () => true, compareEveryMs: 300_000 }),
      retention: [history, new EventRetention({ store, clock, log, keep: 10_000 })],
    }));
    this.#reports = new AgentReports({
      store, clock, strategies, history, fullSync: (hostId) => assignments.fullSync(hostId), outcomes: (hostId, told) => outcomes.take(hostId, told),
      connected: (hostId) => engine.connected(hostId), silent: () => undefined,
    });
    await engine.start();
  }

  /** All sessions end with the process; the agents and the machines do not. */
  async kill(): Promise<void> {
    this.fleet.connected.clear();
    await this.#engine?.stop();
    this.#engine = undefined;
    await this.store.close();
  }

  /** Resolves in the midst of that commit, counted from now. */
  commits(count: number): Promise<void> {
    let left = count;
    return new Promise((resolve) => {
      this.store.onCommit(() => {
        left -= 1;
        if (left === 0) resolve();
      });
    });
  }

  deploy(amount: number): Promise<Operation> {
    return this.store.transaction(async (transaction) => {
      const [family, release] = [await transaction.families.get(familyRow().id), await transaction.releases.get(releaseRow().id)];
      return deployNodes(this.#tools(), transaction, {
        family: family!, release: release!, amount, principal: 'ada', timeoutMs: 60_000, maximum: 1_000, joins: family!.spec.bootstrap.strategy !== 'none',
      });
    });
  }

  change(change: NodeChange): Promise<Operation> {
    return this.store.transaction(async (transaction) =>
      changeNodes(this.#tools(), transaction, {
        change, nodes: await transaction.nodes.find({ familyId: familyRow().id }), principal: 'ada', keepData: false, timeoutMs: 60_000,
        joins: (family) => family.spec.bootstrap.strategy !== 'none',
      }),
    );
  }

  /** To another environment. */
  update(): Promise<Operation> {
    return this.store.transaction(async (transaction) => {
      const family = await reviseFamily(transaction, (await transaction.families.get(familyRow().id))!, { environment: { A: '2' } }, { at: 1, principal: 'ada', keep: 10 });
      return updateNodes(this.#tools(), transaction, { family, principal: 'ada', maxParallel: 1, settleMs: 0 });
    });
  }

  async drainHost(): Promise<Operation> {
    const [host] = await this.store.read.hosts.find({});
    return this.store.transaction((transaction) => drainHost(this.#tools(), transaction, { host: host!, principal: 'ada', noDrain: false, joins: (family) => family.spec.bootstrap.strategy !== 'none' }));
  }

  async removeHost(): Promise<Operation> {
    const [host] = await this.store.read.hosts.find({});
    return this.store.transaction((transaction) => removeHost({ ...this.#tools(), fleet: this.fleet }, transaction, host!, 'ada'));
  }

  /** The operation at its end, which must come without a sweep. */
  async ended({ id }: Operation): Promise<Operation> {
    const giveUpAtMs = clock.monotonic() + patienceMs;
    for (;;) {
      const operation = await row(this.store, 'operations', id);
      if (operation.finishedAt !== undefined || clock.monotonic() > giveUpAtMs) return operation;
      await clock.sleep(5);
    }
  }

  /** The node once it is in that phase. */
  async seen(name: string, phase: NodePhaseName): Promise<Node> {
    for (;;) {
      const [node] = await this.store.read.nodes.find({ name, phase });
      if (node) return node;
      await clock.sleep(5);
    }
  }

  async phases(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { phase } of await this.store.read.nodes.find({})) counts[phase] = (counts[phase] ?? 0) + 1;
    return counts;
  }

  #operationTools() {
    return operationTools(clock, this.ids);
  }

  #tools() {
    return { clock, ids: this.ids, enforcesFirewall: () => true };
  }
}

/** Every node sees every other. */
function outputOf({ job }: SentExec): string {
  const kind = job.action?.kind;
  return kind?.$case === 'command' && kind.value.argv[0] === 'members' ? 'web-1 web-2 web-3 web-4 web-5' : '';
}

for (const strategy of ['none', 'serial', 'leaving', 'parallel']) {
  void t.test(`strategy ${strategy}: from nothing to running, stopped, started, restarted, removed`, async (test) => {
    const world = await World.of(test, strategy);
    test.match(await world.ended(await world.deploy(3)), { state: 'succeeded', progress: { total: 3, done: 3, failed: 0 } });
    test.same(await world.phases(), { running: 3 });
    test.equal(world.providers.machines.size, 2, 'three nodes of two places each');
    test.equal((await row(world.store, 'families', familyRow().id)).cluster.health, strategy === 'none' ? 'not_clustered' : 'one');
    test.match(await world.ended(await world.change('start')), { state: 'succeeded' }, 'a start of what runs is over at once');
    for (const [change, phases] of [['stop', { stopped: 3 }], ['start', { running: 3 }], ['restart', { running: 3 }], ['remove', { gone: 3 }]] as const) {
      test.match(await world.ended(await world.change(change)), { state: 'succeeded', kind: change }, change);
      test.same(await world.phases(), phases, change);
    }
    test.match(await world.ended(await world.drainHost()), { state: 'succeeded' }, 'an empty host is drained at once');
    // Longer than an operation gathers wake-ups: it has been looked at, and must be woken again.
    world.providers.beforeDestroy = () => clock.sleep(150);
    test.match(await world.ended(await world.removeHost()), { state: 'succeeded' }, 'the removal of a host is seen without a sweep');
    test.same(world.log.entries.filter(({ level }) => level !== 'info' && level !== 'debug'), [], 'nothing went wrong on the way');
  });
}

void t.test('stopped after any commit of a deploy, and started again: it comes to its end, and nothing is doubled', async (test) => {
  let killedMidway = 0;
  const moments = [1, 2, 3, 4, 6, 8, 11, 14, 18];
  for (const commits of moments) {
    const world = await World.of(test, 'serial');
    const reached = world.commits(commits);
    const operation = await world.deploy(3);
    await reached;
    if ((await row(world.store, 'operations', operation.id)).finishedAt === undefined) killedMidway += 1;
    const before = [...world.fleet.connected];
    await world.kill();
    await world.start();
    const hosts = new Set([...before, ...[...world.providers.machines.values()].map((machine) => machine.hostId)]);
    for (const hostId of hosts) await world.agents.connect(hostId);
    test.match(await world.ended(operation), { state: 'succeeded', progress: { done: 3 } }, `after commit ${commits}`);
    test.equal(world.providers.machines.size, 2, `no machine is doubled (commit ${commits})`);
    test.same(await world.phases(), { running: 3 }, `no node is doubled (commit ${commits})`);
  }
  test.equal(killedMidway, moments.length, 'the deploy was under way each time');
});

void t.test('stopped after any commit of a removal, and started again: every node is drained and goes', async (test) => {
  for (const commits of [1, 2, 3, 5, 7, 9]) {
    const world = await World.of(test, 'leaving');
    await world.ended(await world.deploy(3));
    const reached = world.commits(commits);
    const operation = await world.change('remove');
    await reached;
    const hosts = [...world.fleet.connected];
    await world.kill();
    await world.start();
    for (const hostId of hosts) await world.agents.connect(hostId);
    test.match(await world.ended(operation), { state: 'succeeded', progress: { done: 3 } }, `after commit ${commits}`);
    test.same(await world.phases(), { gone: 3 }, `all are gone (commit ${commits})`);
  }
});

void t.test('stopped after any commit of an update, and started again: every node goes over once', async (test) => {
  for (const commits of [1, 2, 3, 5, 8, 12, 16]) {
    const world = await World.of(test, 'leaving');
    await world.ended(await world.deploy(3));
    const reached = world.commits(commits);
    const operation = await world.update();
    await reached;
    const hosts = [...world.fleet.connected];
    await world.kill();
    await world.start();
    for (const hostId of hosts) await world.agents.connect(hostId);
    test.match(await world.ended(operation), { state: 'succeeded', progress: { total: 3, done: 3 } }, `after commit ${commits}`);
    const nodes = await world.store.read.nodes.find({});
    test.match(nodes, nodes.map(() => ({ phase: 'running', familyGeneration: 2, restartGeneration: 1 })), `each was restarted once (commit ${commits})`);
    test.equal((await row(world.store, 'families', familyRow().id)).cluster.health, 'one', `as one cluster (commit ${commits})`);
  }
});

void t.test('some fail: the operation is partial, says why, and the rest are one cluster', async (test) => {
  const world = await World.of(test, 'serial');
  world.agents.ready = ({ spec }) => (spec?.name === 'web-2' ? NodePhase.STARTING : NodePhase.READY);
  const deploying = await world.deploy(3);
  // Progress is written later than the look at the cluster ends, which found that one is missing.
  while ((await row(world.store, 'operations', deploying.id)).progress.done !== 2) await clock.sleep(5);
  // Its agent may be the last to hear of it.
  const late = await world.seen('web-2', 'starting');
  await world.agents.report(late.hostId, late.id, NodePhase.FAILED);
  const operation = await world.ended(deploying);
  test.match(operation, { state: 'partial', progress: { total: 3, done: 2, failed: 1 } });
  test.equal((await row(world.store, 'families', familyRow().id)).cluster.health, 'one');
});

void t.test('a host that is asked for is asked for once, however often it is looked at', async (test) => {
  const world = await World.of(test, 'none');
  await world.ended(await world.deploy(5));
  test.equal(world.providers.asked.length, 3, 'one call for each of three hosts');
  test.equal(new Set(world.agents.taken).size, world.agents.taken.length, `no assignment is sent twice: ${world.agents.taken.join('; ')}`);
});
