import { ExecOutcome, ExecProgress, NodePhase, NodeStatus, Sample, SessionRequest } from '@wombat/proto/agent';
import { limits } from '@wombat/proto';
import t from 'tap';
import { Outbox } from './outbox.js';

const status = (nodeId: string, phase: NodePhase, logTail = ''): NodeStatus => NodeStatus.fromPartial({ nodeId, phase, logTail });
const sample = (load1m: number): Sample => Sample.fromPartial({ load1m });
const outcome = (jobId: string, targetId = 'node-aaaaaaaaaaaa'): ExecOutcome => ExecOutcome.fromPartial({ jobId, targetId });

function drain(outbox: Outbox): NonNullable<SessionRequest['frame']>[] {
  const frames = [];
  for (let request = outbox.next(); request; request = outbox.next()) frames.push(request.frame!);
  return frames;
}

t.test('only the newest status of a node is sent', async (t) => {
  const outbox = new Outbox();
  outbox.status(status('node-a', NodePhase.PENDING));
  outbox.status(status('node-b', NodePhase.STARTING));
  outbox.status(status('node-a', NodePhase.READY));
  const frames = drain(outbox);
  t.equal(frames.length, 1, 'one frame carries both nodes');
  const [frame] = frames;
  const seen = frame?.$case === 'status' ? frame.value.statuses.map(({ nodeId, phase }) => [nodeId, phase]) : [];
  t.same(seen, [['node-b', NodePhase.STARTING], ['node-a', NodePhase.READY]], 'the older status of node-a was dropped');
  t.equal(frame?.$case === 'status' && frame.value.complete, false, 'a change is no complete report');
});

t.test('a beat gives way to anything, an old sample to a new one, an outcome to nothing', async (t) => {
  const outbox = new Outbox();
  outbox.beat();
  outbox.sample(sample(1));
  outbox.sample(sample(2));
  outbox.outcome(outcome('job-a'));
  outbox.outcome(outcome('job-b'));
  outbox.status(status('node-a', NodePhase.READY));
  outbox.journaled(7n);
  outbox.journaled(5n);
  const frames = drain(outbox);
  t.same(frames.map(({ $case }) => $case), ['assignmentsJournaled', 'status', 'execOutcome', 'execOutcome', 'sample'], 'in the order of what matters, without the beat');
  t.same(frames[0], { $case: 'assignmentsJournaled', value: { syncId: 7n } }, 'a position never goes back');
  t.equal(frames[4]?.$case === 'sample' && frames[4].value.load1m, 2, 'the newest sample');
  outbox.beat();
  t.same(drain(outbox).map(({ $case }) => $case), ['beat'], 'a beat is sent when there is nothing else');
});

t.test('a ping is answered by a beat before all else', async (t) => {
  const outbox = new Outbox();
  outbox.outcome(outcome('job-a'));
  outbox.answerPing();
  t.same(drain(outbox).map(({ $case }) => $case), ['beat', 'execOutcome'], 'the beat comes first');
});

t.test('an outcome is sent once in a session, until it is acknowledged and forgotten', async (t) => {
  const outbox = new Outbox();
  outbox.outcome(outcome('job-a'));
  t.equal(drain(outbox).length, 1, 'sent');
  outbox.outcome(outcome('job-a'));
  t.equal(drain(outbox).length, 0, 'the same outcome is not sent again');
  outbox.outcome(outcome('job-b'));
  outbox.acknowledged({ jobId: 'job-b', targetId: 'node-aaaaaaaaaaaa' });
  t.equal(drain(outbox).length, 0, 'what is acknowledged needs no sending');
});

t.test('a complete report is cut into frames within the limit, and only the last is complete', async (t) => {
  const outbox = new Outbox();
  const statuses = Array.from({ length: 100 }, (_, index) => status(`node-${index}`, NodePhase.FAILED, 'x'.repeat(limits.logTailBytes)));
  outbox.completeReport(statuses);
  const frames = drain(outbox);
  t.ok(frames.length > 5, 'it took several frames');
  for (const frame of frames) t.ok(SessionRequest.encode({ frame }).finish().length <= limits.sessionFrameBytes, 'each frame keeps within the limit');
  t.same(frames.map((frame) => frame.$case === 'status' && frame.value.complete), frames.map((_, index) => index === frames.length - 1), 'the last one says so');
  t.equal(frames.flatMap((frame) => (frame.$case === 'status' ? frame.value.statuses : [])).length, 100, 'every node is there once');
  const empty = new Outbox();
  empty.completeReport([]);
  t.same(drain(empty), [{ $case: 'status', value: { statuses: [], complete: true } }], 'a host without nodes says that, too');
});

t.test('what would not fit into a frame is cut, never refused', async (t) => {
  const outbox = new Outbox();
  outbox.status(status('node-a', NodePhase.FAILED, 'x'.repeat(100_000)));
  const output = (size: number) => ({ head: Buffer.alloc(size), sizeBytes: BigInt(size), lostBytes: 0n });
  outbox.outcome({ ...outcome('job-a'), stdout: output(60_000), stderr: output(60_000) });
  for (const frame of drain(outbox)) {
    t.ok(SessionRequest.encode({ frame }).finish().length <= limits.sessionFrameBytes, `${frame.$case} keeps within the limit`);
    if (frame.$case === 'execOutcome') t.equal(frame.value.stdout?.sizeBytes, 60_000n, 'the size told is the true one');
  }
});

t.test('what commands write waits in a bounded line, behind outcomes and before a sample', async (t) => {
  const outbox = new Outbox();
  const piece = (offset: number): ExecProgress => ExecProgress.fromPartial({ jobId: 'job-a', targetId: 'node-a', offset: BigInt(offset), data: Buffer.alloc(limits.livePieceBytes) });
  let taken = 0;
  while (taken < 1_000 && outbox.progress(piece(taken))) taken += 1;
  t.equal(taken * limits.livePieceBytes, 256 * 1024, 'no more is held for a stream that is blocked');
  outbox.sample(sample(1));
  outbox.outcome(outcome('job-a'));
  const kinds = drain(outbox).map(({ $case }) => $case);
  t.same([kinds[0], kinds[1], kinds.at(-1), kinds.length], ['execOutcome', 'execProgress', 'sample', taken + 2]);
  t.ok(outbox.progress(piece(0)), 'there is room again');
});
