import t from 'tap';
import type { StepState } from '../model/operation.js';
import { nextAgents } from './next-agents.js';

const words: Readonly<Record<string, StepState>> = { w: 'waiting', a: 'active', d: 'done', f: 'failed', l: 'left' };
const statesOf = (text: string): StepState[] => [...text].map((letter) => words[letter]!);
const next = (text: string, canary: number, atOnce: number, isCancelled = false): string => {
  const step = nextAgents(statesOf(text), { canary, atOnce }, isCancelled);
  return step.kind === 'begin' ? step.places.join(',') : step.kind;
};

t.test('canaries come alone, then so many at once', async (t) => {
  t.equal(next('wwww', 1, 2), '0');
  t.equal(next('awww', 1, 2), 'wait', 'the canary has yet to prove itself');
  t.equal(next('dwww', 1, 2), '1,2');
  t.equal(next('daww', 1, 2), '2');
  t.equal(next('ddaa', 1, 2), 'wait');
  t.equal(next('dddd', 1, 2), 'end');
  t.equal(next('wwww', 0, 3), '0,1,2', 'none alone');
  t.equal(next('lwww', 1, 2), '1,2', 'a canary that went away is no canary');
  t.equal(next('wwww', 9, 1), '0,1,2,3', 'more canaries than hosts');
  t.equal(next('', 1, 1), 'end');
});

t.test('after a failure, or when it is called off, none is begun and those under way are waited for', async (t) => {
  t.equal(next('fwww', 1, 2), 'end');
  t.equal(next('dfaw', 1, 2), 'wait');
  t.equal(next('daww', 1, 2, true), 'wait');
  t.equal(next('ddww', 1, 2, true), 'end');
});

t.test('whatever happens, never more are under way than may be, and all come to an end', async (t) => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 300; round += 1) {
    const [canary, atOnce] = [random(4), 1 + random(4)];
    const states: StepState[] = Array.from({ length: random(12) }, () => 'waiting');
    for (let turn = 0; ; turn += 1) {
      if (turn > 200) return t.fail(`round ${round} does not end: ${states.join()}`);
      const step = nextAgents(states, { canary, atOnce }, false);
      if (step.kind === 'end') break;
      if (step.kind === 'begin') for (const place of step.places) states[place] = 'active';
      const active = [...states.keys()].filter((place) => states[place] === 'active');
      const isCanary = active.some((place) => place < canary);
      if (active.length > (isCanary ? canary : atOnce)) t.fail(`round ${round}: ${active.length} are under way`);
      if (isCanary && active.some((place) => place >= canary)) t.fail(`round ${round}: one beside a canary`);
      const ended = active[random(active.length)];
      if (ended !== undefined) states[ended] = (['done', 'done', 'done', 'left', 'failed'] as const)[random(5)]!;
    }
    t.equal(states.some((state) => state === 'active') || (!states.includes('failed') && states.includes('waiting')), false, `round ${round}`);
  }
});
