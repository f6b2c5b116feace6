import t, { type Test } from 'tap';
import { durationFromMs, durationToMs } from '@wombat/proto';
import { command, step, type StepOptions } from '@wombat/plugin-sdk';
import { Outcome, type ExecJob, type ExecOutcome } from '@wombat/proto/agent';
import { CommandSettings, type Step } from '@wombat/proto/types';
import type { Node } from '../domain/model/node.js';
import { ManualClock, settle } from '../fleet/testing/manual-clock.js';
import { CountingIds, idNumber } from '../testing/counting-ids.js';
import { FakeFleet, outcomeOf, type SentExec } from '../testing/fake-fleet.js';
import { nodeRow } from '../testing/rows.js';
import { StepRunner } from './step-runner.js';

const node = { ...nodeRow('fam-aaaaaaaaaaaa', 1), revision: 1, createdAt: 0, updatedAt: 0 } satisfies Node;
const stepOf = (name: string, options: Partial<StepOptions> = {}): Step => step(name, command([name]), { deadlineMs: 60_000, intervalMs: 100, ...options });

class Setting {
  readonly clock = new ManualClock();
  readonly fleet = new FakeFleet();
  readonly runner = new StepRunner({ fleet: this.fleet, clock: this.clock, ids: new CountingIds() });
  /** Names of the steps, as they were run. */
  readonly ran: string[] = [];

  constructor(_: Test, answer: (name: string, attempt: number, exec: SentExec) => ExecOutcome | undefined) {
    this.fleet.connect(node.hostId);
    this.fleet.onExec = (exec) => {
      const kind = exec.job.action?.kind;
      const name = kind?.$case === 'command' ? kind.value.argv[0]! : '';
      this.ran.push(name);
      const outcome = answer(name, this.ran.filter((one) => one === name).length, exec);
      if (outcome) this.runner.take(exec.hostId, outcome);
    };
  }

  async run(steps: readonly Step[], signal = new AbortController().signal): Promise<string> {
    let isOver = false;
    const running = this.runner.run(node, steps, signal).finally(() => (isOver = true));
    running.catch(() => undefined);
    while (!isOver) {
      await settle(5);
      if (!isOver) await this.clock.advance(100);
    }
    return Buffer.from(await running).toString();
  }
}

void t.test('steps run one after another; the output of the last is the answer', async (test) => {
  const setting = new Setting(test, (name, _, exec) => outcomeOf(exec, 0, `output of ${name}`));
  test.equal(await setting.run([stepOf('one'), stepOf('two')]), 'output of two');
  test.same(setting.ran, ['one', 'two']);
  test.equal(await setting.run([]), '', 'no steps, no output');
});

void t.test('a step that has to end gets time to tidy up, or as much as its strategy says', async (test) => {
  const killAfterMs: (number | undefined)[] = [];
  const setting = new Setting(test, (_, __, exec) => {
    const kind = exec.job.action?.kind;
    killAfterMs.push(kind?.$case === 'command' ? durationToMs(kind.value.settings?.killAfter) : undefined);
    return outcomeOf(exec);
  });
  const own = CommandSettings.fromPartial({ killAfter: durationFromMs(9_000) });
  const said = step('said', { kind: { $case: 'command', value: { argv: ['said'], environment: {}, settings: own } } }, { deadlineMs: 60_000 });
  await setting.run([stepOf('unsaid'), said]);
  test.same(killAfterMs, [5_000, 9_000]);
});

void t.test('a step is repeated until its output holds all that is waited for', async (test) => {
  const setting = new Setting(test, (_, attempt, exec) => outcomeOf(exec, attempt === 2 ? 1 : 0, ['', 'a', 'a', 'a b'][attempt]));
  test.equal(await setting.run([stepOf('see', { untilContains: ['a', 'b'] })]), 'a b', 'a failure in between is no end');
  test.equal(setting.ran.length, 3);
});

const failures: readonly [what: string, outcome: Partial<ExecOutcome>, code: number, message: RegExp][] = [
  ['an exit code', {}, 3, /step join on web-1: exit code 3: said this/],
  ['no exit code', { outcome: Outcome.TIMED_OUT, exit: undefined }, 1, /step join on web-1: timed_out/],
  ['killed', { outcome: Outcome.KILLED, exit: { kind: { $case: 'signal', value: 9 } } }, 1, /step join on web-1: killed/],
  ['refused by the agent', { outcome: Outcome.REJECTED, error: { code: 'WO_EXEC_REJECTED', message: 'no such node', hint: '', details: {} } }, 1, /step join on web-1: no such node$/],
  ['a word that nobody knows', { outcome: 99 as Outcome, exit: undefined }, 1, /step join on web-1/],
];
void t.test('what fails says how, and the steps behind it are not run', async (test) => {
  for (const [what, fields, code, message] of failures) {
    const setting = new Setting(test, (_, __, exec) => outcomeOf(exec, code, 'said\u001b\nthis\n', fields));
    await test.rejects(setting.run([stepOf('join'), stepOf('never')]), { code: 'WO_NODE_JOIN_FAILED', message }, what);
    test.same(setting.ran, ['join'], what);
  }
});

void t.test('a host that has no session yet, as after a restart of the coordinator, is waited for', async (test) => {
  const setting = new Setting(test, (name, _, exec) => outcomeOf(exec, 0, `output of ${name}`));
  setting.fleet.connected.clear();
  void setting.clock.sleep(1_000).then(() => setting.fleet.connect(node.hostId));
  test.equal(await setting.run([stepOf('join')]), 'output of join');
  test.same(setting.ran, ['join'], 'once');
});

void t.test('a host that stays without one is told apart from a step that failed', async (test) => {
  const setting = new Setting(test, () => undefined);
  setting.fleet.connected.clear();
  await test.rejects(setting.run([stepOf('join', { deadlineMs: 100 })]), { code: 'WO_HOST_UNREACHABLE', message: /not done after 100 ms: the host of web-1 has no session/ });
  test.same(setting.ran, []);
});

void t.test('what a command printed is told on one line, and not at any length', async (test) => {
  const setting = new Setting(test, (_, __, exec) => outcomeOf(exec, 1, `${'x'.repeat(5_000)}\r\n\u0007the end`));
  const error: unknown = await setting.run([stepOf('join')]).catch((caught: unknown) => caught);
  test.match(error, { message: /the end$/ });
  test.notMatch((error as Error).message, /\p{Cc}/u);
  test.ok((error as Error).message.length < 400, `${(error as Error).message.length} characters`);
});

void t.test('a step that never ends is given up at its deadline, and says what was last', async (test) => {
  const waiting = new Setting(test, () => undefined);
  await test.rejects(waiting.run([stepOf('join', { deadlineMs: 20 })]), { code: 'WO_NODE_JOIN_FAILED', message: /not done after 20 ms/ });
  const jobId = waiting.fleet.execs[0]!.job.jobId;
  test.same(waiting.fleet.cancelled, [{ hostId: node.hostId, jobId, targetIds: [node.id] }], 'the agent ends it, too');
  const retrying = new Setting(test, (_, __, exec) => outcomeOf(exec, 75, 'no quorum'));
  await test.rejects(retrying.run([stepOf('join', { deadlineMs: 20, retryExitCodes: [75] })]), { message: /not done after 20 ms: exit code 75: no quorum/ });
  test.same(retrying.fleet.cancelled, [], 'what has ended is not cancelled');
  test.equal(waiting.runner.take(node.hostId, outcomeOf({ targetId: node.id, job: { jobId: idNumber('job', 1) } })), false, 'an outcome that comes later is nobody\'s');
});

void t.test('who stops is obeyed at once', async (test) => {
  const setting = new Setting(test, () => undefined);
  const stop = new AbortController();
  const running = setting.run([stepOf('join')], stop.signal);
  await settle();
  stop.abort(new Error('the coordinator stops'));
  await test.rejects(running, { message: 'the coordinator stops' }, 'and it is no failure of the node');
});

void t.test('the agent gets no more time than the step has', async (test) => {
  const setting = new Setting(test, (_, __, exec) => outcomeOf(exec));
  await setting.run([stepOf('join', { deadlineMs: 7_000 })]);
  const job: ExecJob = setting.fleet.execs[0]!.job;
  test.match(job, { timeout: { seconds: 7n, nanos: 0 } });
});
