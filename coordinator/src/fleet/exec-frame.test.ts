import t from 'tap';
import { limits, newId, WombatError } from '@wombat/proto';
import { SessionResponse } from '@wombat/proto/agent';
import { cutExec, encodeExecFrame } from './exec-frame.js';

void t.test('the bytes are those of the generated encoder', async (t) => {
  for (const [sequence, jobBytes, targets] of [[1, 0, 0], [127, 127, 1], [128, 128, 3], [300_000, 20_000, 100], [2 ** 40, 60_000, 2]] as const) {
    const targetIds = Array.from({ length: targets }, () => newId('node'));
    const job = Buffer.alloc(jobBytes, 7);
    const generated = SessionResponse.encode({ frame: { $case: 'exec', value: { sequence: BigInt(sequence), targetIds, job } } }).finish();
    const decoded = SessionResponse.decode(encodeExecFrame(sequence, { targetIds, job }));
    t.same(SessionResponse.encode(decoded).finish(), generated, `sequence ${sequence}, job of ${jobBytes} bytes, ${targets} targets`);
    if (jobBytes > 0) t.same(encodeExecFrame(sequence, { targetIds, job }), Buffer.from(generated), 'byte for byte');
  }
});

void t.test('many targets are cut into frames that keep within the limit', async (t) => {
  const job = Buffer.alloc(50_000);
  const targetIds = Array.from({ length: 2_000 }, () => newId('node'));
  const orders = cutExec(job, targetIds);
  t.same(orders.flatMap((order) => order.targetIds), targetIds, 'each target once, in order');
  t.ok(orders.every((order) => order.job === job), 'the job is shared, not copied');
  t.ok(orders.every((order) => encodeExecFrame(2 ** 50, order).length <= limits.sessionFrameBytes), 'no frame is over the limit');
  t.equal(orders.length, 3);
  t.same(cutExec(job, []), [], 'no targets, no frame');
});

void t.test('a job that leaves no room is refused', async (t) => {
  t.throws(() => cutExec(Buffer.alloc(limits.sessionFrameBytes), ['node-a']), new WombatError('WO_INVALID_ARGUMENT', 'the command takes 65536 bytes; 65440 is the most'));
});
