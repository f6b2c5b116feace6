import t from 'tap';
import { SharedWork } from './shared-work.js';

interface Step {
  readonly signal: AbortSignal;
  resolve(value: string): void;
  reject(error: Error): void;
}

function held(): { work: (signal: AbortSignal) => Promise<string>; steps: Step[] } {
  const steps: Step[] = [];
  const work = (signal: AbortSignal): Promise<string> => new Promise((resolve, reject) => steps.push({ signal, resolve, reject }));
  return { work, steps };
}

const never = new AbortController().signal;

t.test('callers at once share one run, later ones get another', async (t) => {
  const shared = new SharedWork<string>();
  const { work, steps } = held();
  const both = [shared.run('a', work, never), shared.run('a', work, never)];
  const other = shared.run('b', work, never);
  t.equal(steps.length, 2);
  t.ok(shared.isRunning('a'));
  steps[0]!.resolve('done');
  steps[1]!.resolve('other');
  t.strictSame(await Promise.all([...both, other]), ['done', 'done', 'other']);
  t.notOk(shared.isRunning('a'));
  const again = shared.run('a', work, never);
  steps[2]!.resolve('again');
  t.equal(await again, 'again');
});

t.test('a failure reaches all, and is not remembered', async (t) => {
  const shared = new SharedWork<string>();
  const { work, steps } = held();
  const both = [shared.run('a', work, never), shared.run('a', work, never)];
  steps[0]!.reject(new Error('broken'));
  for (const one of both) await t.rejects(one, { message: 'broken' });
  const again = shared.run('a', work, never);
  steps[1]!.resolve('fine');
  t.equal(await again, 'fine');
});

t.test('who goes leaves the others their run; the last one ends it', async (t) => {
  const shared = new SharedWork<string>();
  const { work, steps } = held();
  const first = new AbortController();
  const second = new AbortController();
  const one = shared.run('a', work, first.signal);
  const two = shared.run('a', work, second.signal);
  first.abort(new Error('first goes'));
  await t.rejects(one, { message: 'first goes' });
  t.equal(steps[0]!.signal.aborted, false);
  second.abort(new Error('second goes'));
  await t.rejects(two, { message: 'second goes' });
  t.equal(steps[0]!.signal.aborted, true);
  const newcomer = shared.run('a', work, never);
  t.equal(steps.length, 2, 'a newcomer does not get what is being given up');
  steps[0]!.reject(new Error('aborted'));
  steps[1]!.resolve('new');
  t.equal(await newcomer, 'new');
  await t.rejects(shared.run('a', work, first.signal), { message: 'first goes' });
});
