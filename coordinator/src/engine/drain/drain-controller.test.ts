import t, { type Test } from 'tap';
import { endDrain } from '../../domain/states/draining.js';
import type { Node } from '../../domain/model/node.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../../store/store.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet, outcomeOf, type SentExec } from '../../testing/fake-fleet.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { LogBook } from '../../testing/log-book.js';
import { familyRow, hostRow, manifestOf, nodeRow, releaseRow } from '../../testing/rows.js';
import { change, openTestStore, put, row } from '../../testing/test-store.js';
import { AssignmentBuilder } from '../assignment-builder.js';
import { BoundedHistory } from '../bounded-history.js';
import { StepRunner } from '../step-runner.js';
import { DrainController } from './drain-controller.js';

const family = familyRow();
const then = { desired: 'absent', keepData: true } as const;

function member(number: number): Partial<NewObject<Node>> {
  return { membership: { startId: `start-${number}`, contactIds: [], joined: true, attempts: 1 } };
}

function draining(number: number, stage: 'hook' | 'leave' = 'hook'): NewObject<Node> {
  return nodeRow(family.id, number, { ...member(number), phase: 'draining', draining: { since: 5, stage, then } });
}

class Setting {
  readonly strategies = new FakeStrategies();
  readonly fleet = new FakeFleet();
  readonly steps: StepRunner;
  controller!: DrainController;
  /** "node-1: drain web-1", as they came. */
  readonly ran: string[] = [];
  /** Exit code by what is run; undefined: it never ends. */
  exitCode: (what: string) => number | undefined = () => 0;

  private constructor(readonly store: Store, readonly clock: ManualClock) {
    this.steps = new StepRunner({ fleet: this.fleet, clock, ids: new CountingIds() });
    this.fleet.onExec = (exec) => this.#run(exec);
    this.restart();
  }

  static async of(test: Test, nodes: readonly NewObject<Node>[], { strategy = 'leaving', drain = 'bin/drain {{node.name}}', drainTimeoutMs = 10_000 } = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'families', familyRow({}, { bootstrap: { strategy, options: {} } }));
    await put(store, 'releases', releaseRow({ manifest: manifestOf(drain === '' ? {} : { drain, drainTimeoutMs }) }));
    await put(store, 'hosts', ...nodes.map((node) => hostRow(node.ordinal)));
    await put(store, 'nodes', ...nodes);
    const setting = new Setting(store, clock);
    setting.fleet.connect(...nodes.map((node) => node.hostId));
    return setting;
  }

  /** Another process on the same store. */
  restart(): void {
    const { store, clock, steps } = this;
    const { strategies } = this;
    this.controller = new DrainController({
      store, clock, steps, strategies, history: new BoundedHistory({ store, clock, log: new LogBook() }),
      renderings: new AssignmentBuilder({ store, clock, secrets: fakeSecrets, strategies }),
    });
  }

  /** To its end; time passes while it waits. */
  async look(number = 1, signal = new AbortController().signal): Promise<void> {
    let isOver = false;
    const looking = this.controller.reconcile(idNumber('node', number), signal).finally(() => (isOver = true));
    looking.catch(() => undefined);
    for (;;) {
      await settle(40);
      if (isOver) return looking;
      await this.clock.advance(500);
    }
  }

  node(number = 1): Promise<Node> {
    return row(this.store, 'nodes', idNumber('node', number));
  }

  #run(exec: SentExec): void {
    const kind = exec.job.action?.kind;
    const what = kind?.$case === 'command' ? kind.value.argv.join(' ') : '';
    this.ran.push(`${[1, 2, 3].find((number) => exec.hostId === idNumber('host', number))}: ${what}`);
    const code = this.exitCode(what);
    if (code !== undefined) this.steps.take(exec.hostId, outcomeOf(exec, code, ''));
  }
}

void t.test('drain command, then the leave on a survivor, then what follows', async (test) => {
  const of = await Setting.of(test, [draining(1), nodeRow(family.id, 2, member(2))]);
  await of.look();
  test.same(of.ran, ['1: bin/drain web-1', '2: leave web-1']);
  const node = await of.node();
  test.match(node, { phase: 'stopping', desired: 'absent', keepData: true, generation: 2 });
  test.equal(node.draining, undefined, 'nothing of the drain is left');
});

void t.test('a survivor that goes while the leave is planned does not run it', async (test) => {
  const of = await Setting.of(test, [draining(1), nodeRow(family.id, 2, member(2)), nodeRow(family.id, 3, member(3))], { drain: '' });
  of.strategies.meanwhile = async () => {
    of.strategies.meanwhile = undefined;
    await change(of.store, 'nodes', idNumber('node', 2), { phase: 'stopped' });
  };
  await of.look();
  test.same(of.ran, ['3: leave web-1']);
});

void t.test('75 means ask again; another code leaves it running', async (test) => {
  const of = await Setting.of(test, [draining(1)]);
  let asked = 0;
  of.exitCode = () => (++asked < 3 ? 75 : 4);
  await of.look();
  test.equal(of.ran.length, 3, 'asked until it gave another answer');
  test.match(await of.node(), { phase: 'failed', desired: 'running', generation: 1, lastError: { code: 'WO_NODE_DRAIN_FAILED', message: /web-1 was not drained, and runs on: .*exit code 4/ } });
});

void t.test('a command that never ends has a deadline', async (test) => {
  const of = await Setting.of(test, [draining(1)], { drainTimeoutMs: 200 });
  of.exitCode = () => undefined;
  await of.look();
  test.match(await of.node(), { phase: 'failed', lastError: { message: /not done after 200 ms/ } });
  test.equal(of.fleet.cancelled.length, 1, 'and is ended on its host');
});

void t.test('whoever comes after a crash begins the stage again, and none before it', async (test) => {
  const of = await Setting.of(test, [draining(1), nodeRow(family.id, 2, member(2))]);
  of.exitCode = (what) => (what.startsWith('leave') ? undefined : 0);
  const crash = new AbortController();
  const looking = of.controller.reconcile(idNumber('node', 1), crash.signal);
  while (of.ran.length < 2) await settle();
  crash.abort(new Error('killed'));
  await test.rejects(looking, { message: 'killed' });
  test.match(await of.node(), { phase: 'draining', draining: { stage: 'leave' } }, 'what it was at is stored');
  of.exitCode = () => 0;
  of.restart();
  await of.look();
  test.same(of.ran, ['1: bin/drain web-1', '2: leave web-1', '2: leave web-1']);
  test.match(await of.node(), { phase: 'stopping' });
});

void t.test('a drain that is called off ends what runs, and the node goes on', async (test) => {
  const of = await Setting.of(test, [draining(1)]);
  of.exitCode = () => undefined;
  const looking = of.controller.reconcile(idNumber('node', 1), new AbortController().signal);
  while (of.ran.length < 1) await settle();
  const back = await change(of.store, 'nodes', idNumber('node', 1), { phase: 'running' });
  of.controller.changed(back);
  await looking;
  test.equal(of.fleet.cancelled.length, 1, 'the command is ended');
  test.match(await of.node(), { phase: 'running', generation: 1 }, 'and nothing else is written');
});

void t.test('where nodes join one by one they leave so, and the last has nobody to tell', async (test) => {
  const of = await Setting.of(test, [draining(1, 'leave'), draining(2, 'leave')]);
  await Promise.all([of.look(1), of.look(2)]);
  test.same(of.ran, [], 'who leaves as well is no survivor');
  test.match([await of.node(1), await of.node(2)], [{ phase: 'stopping' }, { phase: 'stopping' }]);
});

void t.test('without a command and without a cluster nothing is run', async (test) => {
  const of = await Setting.of(test, [draining(1)], { strategy: 'none', drain: '' });
  await of.look();
  test.same(of.ran, []);
  test.match(await of.node(), { phase: 'stopping', desired: 'absent' });
});

void t.test('what a called-off node goes back to', (test) => {
  const node = { ...draining(1), revision: 1, createdAt: 0, updatedAt: 0 };
  test.match(endDrain(node, true, 9), { phase: 'running', membership: { joined: true }, draining: undefined }, 'still a member: as before');
  const left = { ...node, draining: { ...node.draining!, stage: 'leave' as const } };
  test.match(endDrain(left, true, 9), { phase: 'ready', membership: undefined }, 'it may have left: it joins again');
  test.match(endDrain(left, false, 9), { phase: 'running' }, 'no cluster, nothing to join');
  test.match(endDrain({ ...node, phase: 'unknown' }, true, 9), { phase: 'unknown', membership: { joined: true }, draining: undefined }, 'its host is silent: nobody knows that it runs');
  test.match(endDrain({ ...left, phase: 'unknown' }, true, 9), { phase: 'unknown', membership: undefined, draining: undefined }, 'and it may have left');
  test.end();
});
