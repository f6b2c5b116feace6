import t from 'tap';
import { judge, type Invariant } from './invariants.js';
import type { Look, Observation, SeenEvent } from './observation.js';

const truth = { releaseDigest: 'whole', stdout: 'worked\n' };

/** Two hosts, a node on each, a command that ran. */
const good: Look = {
  kind: 'look', moment: 'deployed',
  processes: [{ nodeId: 'node-a', pid: 1, startTime: '10' }, { nodeId: 'node-b', pid: 2, startTime: '11' }],
  agents: [{ hostId: 'host-a', pid: 3 }, { hostId: 'host-b', pid: 4 }],
  machines: [{ machineId: 'm-a', hostId: 'host-a', key: 'key-a' }, { machineId: 'm-b', hostId: 'host-b', key: 'key-b' }],
  trees: [{ nodeId: '', path: '/trees/1', digest: 'whole' }, { nodeId: 'node-a', path: '/a/root', digest: 'whole' }, { nodeId: 'node-b', path: '/b/root', digest: 'whole' }],
  lines: [{ nodeId: 'node-a', file: 'starts', lines: ['start'] }, { nodeId: 'node-a', file: 'runs', lines: ['job-1'] }],
  journals: [{ hostId: 'host-a', nodeId: 'node-a', isRunning: true }, { hostId: 'host-b', nodeId: 'node-b', isRunning: true }],
  told: {
    hosts: [{ id: 'host-a', phase: 'up', machineId: 'm-a' }, { id: 'host-b', phase: 'up', machineId: 'm-b' }],
    nodes: [{ id: 'node-a', hostId: 'host-a', phase: 'running', pid: 1 }, { id: 'node-b', hostId: 'host-b', phase: 'running', pid: 2 }],
    operations: [{ id: 'op-1', state: 'succeeded', isFinished: true }],
    targets: [{ jobId: 'job-1', nodeId: 'node-a', outcome: 'ok', stdout: 'worked\n' }],
  },
};

const event = (sequence: number, type = 'node.phase', hostId = 'host-a'): SeenEvent => ({ kind: 'event', sequence, time: '', type, hostId, nodeId: '', reason: '', message: '', key: '' });
const violated = (...observations: Observation[]): Invariant[] => [...new Set(judge(observations, truth).map(({ invariant }) => invariant))];
const told = (change: Partial<NonNullable<Look['told']>>): Look => ({ ...good, told: { ...good.told!, ...change } });

t.test('what is as it should be violates nothing', async (t) => {
  t.strictSame(judge([good, event(1), event(2, 'host.enrolled'), event(3, 'host.enrolled', 'host-b'), event(4, 'host.enrolled'), { kind: 'time', what: 'it', ms: 9, atMostMs: 10 }, good], truth), []);
  const removed: Look = { ...good, processes: [], trees: [], told: { ...good.told!, nodes: [] } };
  t.strictSame(judge([good, { kind: 'instruction', what: 'removed', nodeIds: ['node-a', 'node-b'] }, removed], truth), [], 'who was told to end may end');
  const { told: _silent, ...dead } = good;
  t.strictSame(judge([dead], truth), [], 'without a coordinator there is less to compare');
});

/** Each is one thing that may go wrong. */
const wrong: readonly [what: string, invariant: Invariant, ...observations: Observation[]][] = [
  ['an operation that never ends', 'I1', told({ operations: [{ id: 'op-1', state: 'running', isFinished: false }] })],
  ['an operation that failed', 'I1', told({ operations: [{ id: 'op-1', state: 'partial', isFinished: true }] })],
  ['half a tree', 'I2', { ...good, trees: [...good.trees, { nodeId: '', path: '/trees/2', digest: 'half' }] }],
  ['a process without a root', 'I2', { ...good, trees: good.trees.slice(0, 2) }],
  ['two machines for one key', 'I3', { ...good, machines: [...good.machines, { machineId: 'm-c', hostId: 'host-b', key: 'key-b' }] }],
  ['a machine that is no host', 'I3', told({ hosts: good.told!.hosts.slice(0, 1) })],
  ['a host without a machine', 'I3', { ...good, machines: good.machines.slice(0, 1) }],
  ['a host with the wrong machine', 'I3', told({ hosts: [{ id: 'host-a', phase: 'up', machineId: '' }, good.told!.hosts[1]!] })],
  ['two agents for one host', 'I3', { ...good, agents: [...good.agents, { hostId: 'host-a', pid: 5 }] }],
  ['a gap in the history', 'I4', event(1), event(3)],
  ['an event twice', 'I4', event(1), event(1)],
  ['two identities', 'I5', { ...event(1, 'host.enrolled'), key: 'one' }, { ...event(2, 'host.enrolled'), key: 'other' }],
  ['a command that ran twice', 'I6', { ...good, lines: [{ nodeId: 'node-a', file: 'runs', lines: ['job-1', 'job-1'] }] }],
  ['a command that is ok and did not run', 'I6', { ...good, lines: [] }],
  ['output that nobody wrote', 'I6', told({ targets: [{ jobId: 'job-1', nodeId: 'node-a', outcome: 'failed', stdout: 'else' }] })],
  ['a node that runs twice', 'I7', { ...good, processes: [...good.processes, { nodeId: 'node-a', pid: 9, startTime: '12' }] }],
  ['a node that was started twice', 'I7', { ...good, lines: [...good.lines.slice(1), { nodeId: 'node-a', file: 'starts', lines: ['start', 'start'] }] }],
  ['a pid that is told and does not run', 'I7', told({ nodes: [{ id: 'node-a', hostId: 'host-a', phase: 'running', pid: 77 }, good.told!.nodes[1]!] })],
  ['a process of no node', 'I7', told({ nodes: good.told!.nodes.slice(0, 1) })],
  ['a journal that does not know what runs', 'I7', { ...good, journals: good.journals.slice(0, 1) }],
  ['a process that ended unasked', 'I7', good, { ...good, processes: good.processes.slice(1), told: { ...good.told!, nodes: [{ ...good.told!.nodes[0]!, phase: 'failed' }, good.told!.nodes[1]!] } }],
  ['a process that became another', 'I7', good, { ...good, processes: [{ nodeId: 'node-a', pid: 1, startTime: '99' }, good.processes[1]!] }],
  ['a secret in a log', 'I8', { kind: 'leak', where: 'agent.log' }],
  ['a file elsewhere', 'I9', { kind: 'stray', path: '/etc/passwd' }],
  ['what took too long', 'time', { kind: 'time', what: 'it', ms: 11, atMostMs: 10 }],
];

for (const [what, invariant, ...observations] of wrong) {
  t.test(what, async (t) => t.strictSame(violated(...observations), [invariant], `violates ${invariant} and nothing else`));
}
