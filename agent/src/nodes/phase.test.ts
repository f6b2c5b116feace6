import { NodePhase } from '@wombat/proto/agent';
import t from 'tap';
import { advance, phases, transitions, wirePhases } from './phase.js';

t.test('every pair of phases is allowed by the table or refused', (t) => {
  for (const from of phases) {
    for (const to of phases) {
      const isAllowed = from === to || (transitions[from] as readonly string[]).includes(to);
      if (isAllowed) t.equal(advance(from, to), to, `${from} -> ${to}`);
      else t.throws(() => advance(from, to), { code: 'WO_INTERNAL', message: `a node that is ${from} cannot become ${to}` }, `${from} -x ${to}`);
    }
  }
  t.end();
});

t.test('from every phase a node can be run, stopped and removed', (t) => {
  for (const goal of ['ready', 'stopped', 'absent'] as const) {
    const reach = new Set<string>([goal]);
    for (let grew = true; grew; ) {
      const before = reach.size;
      for (const from of phases) if (transitions[from].some((to) => reach.has(to))) reach.add(from);
      grew = reach.size > before;
    }
    t.strictSame([...phases].filter((phase) => !reach.has(phase)), [], `none is stuck short of ${goal}`);
  }
  t.end();
});

t.test('only a stop leads to absent, so that nothing is removed that runs', (t) => {
  t.strictSame(phases.filter((from) => (transitions[from] as readonly string[]).includes('absent')), ['stopping']);
  t.end();
});

t.test('each phase has its own word on the wire', (t) => {
  const words = Object.values(wirePhases);
  t.equal(new Set(words).size, phases.length);
  t.notOk(words.includes(NodePhase.UNSPECIFIED));
  t.equal(phases.length, 9);
  t.end();
});
