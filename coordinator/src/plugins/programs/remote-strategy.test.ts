import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JoinOrder, type Member } from '@wombat/plugin-sdk';
import { durationToMs, systemClock } from '@wombat/proto';
import t, { type Test } from 'tap';
import { checkPlugin } from '../plugin-shape.js';
import { StrategyHost } from '../strategy-host.js';
import type { ProgramTimes } from './ask-program.js';
import { loadProgram } from './load-program.js';
import { RemoteStrategy } from './remote-strategy.js';

const program = fileURLToPath(new URL('./testing/broken-strategy.js', import.meta.url));
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const context = { signal: new AbortController().signal };
const self: Member = { nodeId: 'node-a', name: 'web-1', address: '127.7.7.1', erlangName: '', ports: { http: 8080 } };
const other: Member = { ...self, nodeId: 'node-b', name: 'web-2' };
const asking = { options: {}, self };
const joining = (way: string) => ({ options: {}, familyName: way, self, contacts: [other] });

interface Setting {
  readonly strategy: RemoteStrategy;
  readonly host: StrategyHost;
  readonly breaks: string[];
  /** Process ids of the programs so far; the first was only asked what it is. */
  starts(): number[];
}

async function setting(t: Test, times: ProgramTimes = {}, ...words: readonly string[]): Promise<Setting> {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-strategies-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'starts');
  const breaks: string[] = [];
  const strategy = await loadProgram({
    program: { name: 'broken', command: [process.execPath, program, file, ...words] }, log: silent, onBreak: ({ message }) => breaks.push(message),
    times: { ...times, session: { termMs: 200, closeMs: 1_000 } },
  });
  if (!(strategy instanceof RemoteStrategy)) throw new Error('it is no strategy');
  checkPlugin({ plugin: strategy });
  t.teardown(async () => await strategy.close());
  return { strategy, host: new StrategyHost(strategy), breaks, starts: () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) };
}

t.setTimeout(120_000);

const inFullRuns = process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs';
const quickly = { supervisor: { firstDelayMs: 1, longestDelayMs: 5 } };

t.test('a strategy as a program answers what one within answers, from one process that is started when it is needed', async (t) => {
  process.env['CANARY_SECRET'] = 'x';
  const { strategy, host, starts } = await setting(t, quickly);
  t.equal(strategy.joinOrder, JoinOrder.SERIAL);
  t.equal(starts().length, 1, 'only asked what it is');
  const answers = await Promise.all(Array.from({ length: 100 }, async () => await host.planInputs({ ...asking, contacts: [other] }, context)));
  t.strictSame([...new Set(answers.map(({ seed, pid }) => `${seed} ${pid}`))], [`web-2 ${starts()[1]}`], 'one process for all');
  t.notMatch(answers[0]?.['environment'], /CANARY|WOMBAT_HOST_SERVICES/, 'neither the environment of the coordinator nor its services');
  t.strictSame((await host.validate({ sise: '5' }, context)).map(({ field, message }) => [field, message]), [['sise', 'there is no such setting; did you mean size?']]);
  const [step] = await host.planJoin(joining('Web'), context);
  t.match(step, { name: 'join', action: { kind: { value: { argv: ['join', 'web-2'] } } } });
  t.equal(durationToMs(step?.deadline), 1_000);
  t.equal((await host.planCheck(asking, context)).length, 1);
  t.strictSame(await host.readMembers({ ...asking, output: Buffer.from('a b') }, context), ['a', 'b']);
  t.strictSame(await host.planLeave({ options: {}, leaving: self, survivors: [other] }, context), { runOnNodeId: 'node-a', steps: [] });

  t.comment('what it refuses keeps its code, what it may not say is its fault, plans that cannot be run are not believed');
  await t.rejects(host.planJoin({ ...joining('Web'), options: { size: 'x' } }, context), { code: 'WO_SETTINGS_INVALID', message: /^strategy\(broken\): size: / });
  await t.rejects(host.planJoin(joining('refuses'), context), { code: 'WO_NODE_JOIN_FAILED', message: 'strategy(broken): no ring here', hint: 'make one' });
  await t.rejects(host.planJoin(joining('pretends'), context), { code: 'WO_PLUGIN_INVALID', message: 'strategy(broken): planJoin failed: it is not my fault' });
  await t.rejects(host.planJoin(joining('lies'), context), { code: 'WO_PLUGIN_INVALID', message: /step 1: has no deadline/ });
  await t.rejects(host.planLeave({ options: {}, leaving: { ...self, name: 'liar' }, survivors: [other] }, context), { code: 'WO_PLUGIN_INVALID', message: /not of the family/ });
  await t.rejects(host.planJoin(joining('huge'), context), { message: /larger than max/ });

  t.comment('who takes a call back is not told of a fault, and the program lives on');
  const caller = new AbortController();
  const asked = host.planJoin(joining('hangs'), { signal: caller.signal });
  caller.abort(new Error('the node is gone'));
  await t.rejects(asked, { message: 'the node is gone' });
  await host.planCheck(asking, context);
  t.equal(starts().length, 2);

  t.comment('a program that hangs is ended, and a call under which it ends is asked once more of the next one');
  await t.rejects(new StrategyHost(strategy, { answerMs: 300 }).planJoin(joining('hangs'), context), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(broken): planJoin took longer than 300 ms' });
  t.equal((await host.planJoin(joining('dies-as-3'), context)).length, 1);
  t.equal(starts().length, 4);
  const pid = starts().at(-1);
  await strategy.close();
  t.notOk(existsSync(`/proc/${pid}`), 'it ends with the coordinator');
  await t.rejects(host.planCheck(asking, context), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(broken): the plugin is being closed' });
});

t.test('a program that dies under a call again and again, or hears nothing, is given up for that call', { skip: inFullRuns }, async (t) => {
  const { strategy, host, starts } = await setting(t, quickly);
  await t.rejects(host.planJoin(joining('dies'), context), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(broken): its program was ended by SIGKILL' });
  t.equal(starts().length, 3, 'asked twice, not for ever');
  await host.planCheck(asking, context);
  const startedAt = performance.now();
  await t.rejects(new StrategyHost(strategy, { answerMs: 500 }).planJoin(joining('blocks'), context), { message: /planJoin took longer than 500 ms/ });
  t.ok(performance.now() - startedAt < 2_000, 'it is not waited for longer');
  t.equal((await host.planCheck(asking, context)).length, 1, 'the next process answers');
});

t.test('a program that dies at once again and again is left alone; that is told once, and calls fail at once', { skip: inFullRuns }, async (t) => {
  const { strategy, host, breaks, starts } = await setting(t, { supervisor: { ...quickly.supervisor, breakMs: 60_000 } }, 'dying');
  await t.rejects(host.planCheck(asking, context), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(broken): its program exited with code 3 before it had shaken hands' });
  for (let round = 0; round < 400 && breaks.length === 0; round++) await systemClock.sleep(25);
  t.match(breaks, [/^it failed 5 times in a row and is left alone for 60 s; the last time: its program exited with code 3 before it had shaken hands$/]);
  t.equal(strategy.trouble, breaks[0], 'it is shown with the plugin');
  const count = starts().length;
  await t.rejects(host.planCheck(asking, context), { code: 'WO_PLUGIN_UNAVAILABLE', message: /is left alone/ });
  t.equal(starts().length, count, 'it is not started for a call');
});
