import t from 'tap';
import { limits, newId } from '@wombat/proto';
import { Assignment, SessionResponse, type Assignments } from '@wombat/proto/agent';
import { AssignmentQueue } from './assignment-queue.js';

const assignmentOf = (size: number, generation = 1n): Assignment =>
  Assignment.fromPartial({ nodeId: newId('node'), generation, spec: { files: [{ path: 'x', content: Buffer.alloc(size), mode: 420 }] } });

function drain(queue: AssignmentQueue): Assignments[] {
  const frames: Assignments[] = [];
  for (let bytes = queue.nextFrame(); bytes; bytes = queue.nextFrame()) {
    if (bytes.length > limits.sessionFrameBytes) throw new Error(`a frame of ${bytes.length} bytes`);
    const { frame } = SessionResponse.decode(bytes);
    if (frame?.$case === 'assignments') frames.push(frame.value);
  }
  return frames;
}

const never = (): never => {
  throw new Error('nothing here is over the limit');
};

void t.test('nothing is sent before the full sync', async (t) => {
  const queue = new AssignmentQueue(0n, never);
  queue.change([assignmentOf(1)]);
  t.equal(queue.hasFrame, false);
  t.same(drain(queue), []);
  queue.startFullSync([]);
  t.equal(queue.hasFrame, true);
  const [full, change, ...more] = drain(queue);
  t.match(full, { syncId: 1n, fullSync: true, first: true, last: true, assignments: [] }, 'an empty full sync is one frame');
  t.match(change, { syncId: 2n, fullSync: false });
  t.same(more, []);
  t.equal(queue.hasFrame, false);
});

void t.test('assignments as large as a frame go one to a frame', async (t) => {
  const queue = new AssignmentQueue(9n, never);
  const wanted = [assignmentOf(60_000), assignmentOf(60_000), assignmentOf(10), assignmentOf(60_000)];
  queue.startFullSync(wanted);
  const frames = drain(queue);
  t.same(frames.flatMap(({ assignments }) => assignments.map(({ nodeId }) => nodeId)), wanted.map(({ nodeId }) => nodeId));
  t.same(frames.map(({ first, last, syncId }) => [first, last, syncId]), [[true, false, 10n], [false, false, 10n], [false, true, 10n]]);
});

void t.test('what is too large is told and left out, also at the end', async (t) => {
  const told: string[] = [];
  const queue = new AssignmentQueue(0n, ({ nodeId }) => told.push(nodeId));
  const huge = [assignmentOf(70_000), assignmentOf(70_000)];
  const fine = assignmentOf(10);
  queue.startFullSync([huge[0]!, fine, huge[1]!]);
  const frames = drain(queue);
  t.same(frames.map(({ last }) => last), [true], 'the last frame still says so');
  t.same(told, huge.map(({ nodeId }) => nodeId));
  queue.change(huge);
  t.same(drain(queue), [], 'a change of nothing but such is no frame');
});

void t.test('many changes are cut as well, each with an id of its own', async (t) => {
  const queue = new AssignmentQueue(0n, never);
  queue.startFullSync([]);
  const changes = Array.from({ length: 5 }, () => assignmentOf(30_000));
  queue.change(changes);
  const [, ...frames] = drain(queue);
  t.same(frames.map(({ syncId, assignments }) => [syncId, assignments.length]), [[2n, 2], [3n, 2], [4n, 1]]);
});

void t.test('a journal position that no coordinator gave starts anew', async (t) => {
  const queue = new AssignmentQueue(2n ** 64n - 1n, never);
  queue.startFullSync([]);
  t.equal(drain(queue)[0]?.syncId, 1n);
});
