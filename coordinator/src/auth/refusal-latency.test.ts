import t from 'tap';
import { HeldClock, newTestKey, openTestIdentities } from './testing.js';

const samples = 300;
/** A tenth of what the quickest call over a connection that stands already takes the joiner. */
const allowedMs = 0.1;
const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';

function median(times: readonly number[]): number {
  return [...times].sort((left, right) => left - right)[Math.floor(times.length / 2)]!;
}

void t.test('how long a refusal takes tells nothing about the token', { skip: isFull ? false : 'measured with --full only' }, async (test) => {
  const clock = new HeldClock();
  const { identities, authority, store } = await openTestIdentities(test, { clock, failures: { perSecond: 1e6, burst: 1e6 } });
  const { csr } = await newTestKey();
  const peer = '192.0.2.1:1';
  const expired = (await identities.issueJoinToken({ hostId: 'host-aaaaaaaaaaaa', validForMs: 1000 })).text;
  clock.turn(1000);
  const used = (await identities.issueJoinToken({ hostId: 'host-bbbbbbbbbbbb' })).text;
  await identities.enrol({ token: used, csr: (await newTestKey()).csr, peer });
  const tokens = { unknown: `wo1.${authority.sha256}.tok-zzzzzzzzzzzz.${'A'.repeat(43)}`, wrong: used.replace(/.{8}$/, 'AAAAAAAA'), expired, used };
  const times: Record<string, number[]> = { unknown: [], wrong: [], expired: [], used: [] };
  // Turn by turn, so that what else the machine does meets all alike; the first rounds warm up.
  for (let round = -50; round < samples; round += 1) {
    for (const [kind, token] of Object.entries(tokens)) {
      clock.turn(1000);
      // The event of the one before is written meanwhile.
      await store.transaction(async () => undefined);
      const before = performance.now();
      await identities.enrol({ token, csr, peer }).then(() => test.fail(`${kind} was let in`), () => undefined);
      if (round >= 0) times[kind]!.push(performance.now() - before);
    }
  }
  const medians = Object.fromEntries(Object.entries(times).map(([kind, each]) => [kind, median(each)]));
  test.comment(`medians of ${samples}, ms: ${JSON.stringify(medians)}`);
  const [fastest, slowest] = [Math.min(...Object.values(medians)), Math.max(...Object.values(medians))];
  test.ok(slowest - fastest <= allowedMs, `the medians lie within ${allowedMs} ms: ${fastest.toFixed(3)} to ${slowest.toFixed(3)} ms`);
});
