import fc from 'fast-check';
import t from 'tap';
import { nodePhases, type NodeDesired, type NodePhase } from '../model/node.js';
import { byTurn, nextUpdateStep, type UpdateNode, type UpdateSituation } from './next-step.js';

function node(number: number, fields: Partial<UpdateNode> = {}): UpdateNode {
  return { id: `node-${number}`, name: `web-${number}`, ordinal: number, desired: 'running', phase: 'running', isPlanned: true, isTaken: false, isReachable: fields.phase !== 'unknown', isSteady: true, ...fields };
}

function situation(nodes: readonly UpdateNode[], fields: Partial<UpdateSituation> = {}): UpdateSituation {
  return { nodes, maxParallel: 1, isCancelled: false, cluster: 'sound', ...fields };
}

const taken = { isTaken: true } as const;
const busy = { isTaken: true, phase: 'starting' } as const;

const cases: readonly [what: string, nodes: readonly UpdateNode[], fields: Partial<UpdateSituation>, expected: ReturnType<typeof nextUpdateStep>][] = [
  ['nothing is planned', [node(1, { isPlanned: false })], {}, { kind: 'end', outcome: 'done' }],
  ['the oldest is first', [node(2), node(1)], {}, { kind: 'take', nodeIds: ['node-1'] }],
  ['one that does not run is before it: it costs nothing', [node(1), node(2, { phase: 'failed' })], {}, { kind: 'take', nodeIds: ['node-2'] }],
  ['those that are stopped wait for nobody', [node(1, busy), node(2, { desired: 'stopped', phase: 'stopped' })], {}, { kind: 'take', nodeIds: ['node-2'] }],
  ['one that goes is left alone', [node(1, { desired: 'absent', phase: 'stopping' })], {}, { kind: 'end', outcome: 'done' }],
  ['the next waits for the one before', [node(1, busy), node(2)], {}, { kind: 'wait' }],
  ['two at once', [node(1), node(2), node(3)], { maxParallel: 2 }, { kind: 'take', nodeIds: ['node-1', 'node-2'] }],
  ['one at a time of two', [node(1, busy), node(2), node(3)], { maxParallel: 2 }, { kind: 'take', nodeIds: ['node-2'] }],
  ['it has to run for a while', [node(1, { ...taken, isSteady: false }), node(2)], {}, { kind: 'wait' }],
  ['somebody else is away', [node(1, { isPlanned: false, phase: 'pending' }), node(2)], {}, { kind: 'wait', reason: 'at most 1 may be away from running: web-1 is pending' }],
  ['a silent host can do nothing', [node(1, { phase: 'unknown' }), node(2)], { maxParallel: 2 }, { kind: 'take', nodeIds: ['node-2'] }],
  ['what has failed on a silent host is not tried before the others', [node(1, { phase: 'failed', isReachable: false }), node(2)], { maxParallel: 2 }, { kind: 'take', nodeIds: ['node-2'] }],
  ['it counts as away all the same', [node(1, { phase: 'failed', isReachable: false }), node(2)], {}, { kind: 'wait', reason: 'at most 1 may be away from running: web-1 is failed (its host does not answer)' }],
  ['only silent ones are left', [node(1, { phase: 'unknown' }), node(2, taken)], { maxParallel: 2 }, { kind: 'wait', reason: 'what is left waits for its hosts: web-1 is unknown (its host does not answer)' }],
  ['its host is back', [node(1), node(2, taken)], {}, { kind: 'take', nodeIds: ['node-1'] }],
  ['a host that fell silent under way', [node(1, { ...taken, phase: 'unknown' }), node(2)], {}, { kind: 'wait', reason: 'a node that was begun with waits for its host: web-1 is unknown (its host does not answer)' }],
  ['one that ended in good order after its update is done with, and in nobody\'s way', [node(1, { ...taken, phase: 'stopped' }), node(2)], {}, { kind: 'take', nodeIds: ['node-2'] }],
  ['one that fell after its update', [node(1, { ...taken, phase: 'pending' }), node(2)], {}, { kind: 'wait' }],
  ['a failure ends it', [node(1, { ...taken, phase: 'failed' }), node(2)], {}, { kind: 'end', outcome: 'failed' }],
  ['a failure waits for what is under way', [node(1, { ...taken, phase: 'failed' }), node(2, busy), node(3)], { maxParallel: 2 }, { kind: 'wait' }],
  ['cancelled', [node(1, taken), node(2)], { isCancelled: true }, { kind: 'end', outcome: 'cancelled' }],
  ['cancelled, one under way', [node(1, busy), node(2)], { isCancelled: true }, { kind: 'wait' }],
  ['cancelled, and one under way has failed', [node(1, { ...taken, phase: 'failed' }), node(2)], { isCancelled: true }, { kind: 'end', outcome: 'cancelled' }],
  ['the cluster is looked at before the next', [node(1, taken), node(2)], { cluster: 'forming' }, { kind: 'wait', reason: 'whether the nodes are one cluster is looked at' }],
  ['and before the end', [node(1, taken)], { cluster: 'forming' }, { kind: 'wait', reason: 'whether the nodes are one cluster is looked at' }],
  ['a cluster that is split after a step ends it', [node(1, taken), node(2)], { cluster: 'split' }, { kind: 'end', outcome: 'failed' }],
  ['one that was split before may be mended by it', [node(1), node(2)], { cluster: 'split' }, { kind: 'take', nodeIds: ['node-1'] }],
  ['all done', [node(1, taken), node(2, taken)], {}, { kind: 'end', outcome: 'done' }],
];

for (const [what, nodes, fields, expected] of cases) {
  void t.test(what, (test) => {
    test.same(nextUpdateStep(situation(nodes, fields)), expected);
    test.end();
  });
}

interface World {
  nodes: UpdateNode[];
  failed: boolean;
}

const anyNodes = fc.array(
  fc.record({
    desired: fc.constantFrom<NodeDesired>('running', 'running', 'running', 'stopped'), phase: fc.constantFrom<NodePhase>('running', 'running', 'running', 'failed', 'pending', 'unknown'),
    isPlanned: fc.boolean(), fails: fc.boolean(),
  }),
  { maxLength: 12 },
);

/** Plays an update to its end: each node that is taken runs or fails some turns later. */
function play(given: readonly { desired: NodeDesired; phase: NodePhase; isPlanned: boolean; fails: boolean }[], maxParallel: number, turns: readonly number[], look: (world: World, takenNow: readonly string[]) => void): string {
  const world: World = { failed: false, nodes: given.map((each, index) => node(index + 1, { ...each, phase: each.desired === 'stopped' ? 'stopped' : each.phase })) };
  for (let turn = 0; turn < 200; turn += 1) {
    const step = nextUpdateStep(situation(world.nodes, { maxParallel }));
    if (step.kind === 'end') return step.outcome;
    const ids = step.kind === 'take' ? step.nodeIds : [];
    world.nodes = world.nodes.map((each) => (ids.includes(each.id) ? { ...each, isTaken: true, phase: each.desired === 'stopped' ? 'stopped' : 'pending' } : each));
    look(world, ids);
    const underWay = world.nodes.filter((each) => each.isTaken && each.phase === 'pending');
    if (step.kind === 'wait' && underWay.length === 0) return 'waits for others';
    const next = underWay[(turns[turn % turns.length] ?? 0) % Math.max(1, underWay.length)];
    if (!next) continue;
    const fails = given[next.ordinal - 1]!.fails;
    if (fails) world.failed = true;
    world.nodes = world.nodes.map((each) => (each.id === next.id ? { ...each, phase: fails ? 'failed' : 'running' } : each));
  }
  return 'no end';
}

void t.test('whatever the nodes are like: it ends, no more are away than may be, and none is touched after a failure', (test) => {
  fc.assert(fc.property(anyNodes, fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (given, maxParallel, seed) => {
    const awayBefore = new Set(given.map(({ desired, phase }, index) => (desired === 'running' && phase !== 'running' ? `node-${index + 1}` : '')));
    const outcome = play(given, maxParallel, seed, (world, ids) => {
      const away = world.nodes.filter(({ id, desired, phase }) => desired === 'running' && phase !== 'running' && !awayBefore.has(id));
      if (away.length > maxParallel) throw new Error(`${away.length} nodes that ran are away`);
      const begun = world.nodes.filter(({ isTaken, desired, phase }) => isTaken && desired === 'running' && phase === 'pending');
      if (begun.length > maxParallel) throw new Error(`${begun.length} are under way`);
      if (world.failed && ids.length > 0) throw new Error(`after a failure ${ids.join()} were touched`);
      const wrong = world.nodes.filter(({ isTaken, isPlanned }) => isTaken && !isPlanned);
      if (wrong.length > 0) throw new Error('one that was not planned was taken');
    });
    return outcome !== 'no end';
  }));
  test.end();
});

void t.test('without failures and with all hosts there, every planned node is reached', (test) => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 4 }), (count, maxParallel) => {
    const given = Array.from({ length: count }, () => ({ desired: 'running' as const, phase: 'running' as const, isPlanned: true, fails: false }));
    let reached = 0;
    const outcome = play(given, maxParallel, [0], (_, ids) => (reached += ids.length));
    return outcome === 'done' && reached === count;
  }));
  test.end();
});

void t.test('the order holds for every pair of phases', (test) => {
  for (const phase of nodePhases) {
    const order = [node(4, { isReachable: true }), node(1, { isReachable: false }), node(2, { phase, isReachable: true }), node(3, { desired: 'stopped', phase: 'stopped' })].sort(byTurn).map(({ id }) => id);
    test.same(order, ['node-3', 'node-2', 'node-4', 'node-1'], `${phase}: stopped first, then what is away or older, silent ones last`);
  }
  test.end();
});
