import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { AgentSession } from '../support/agent-session.js';
import { joinMany } from '../support/join-many.js';
import { freePort } from '../support/network.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const isFull = (process.env['WOMBAT_TEST_FULL'] ?? '') !== '';
const [amount, awayMs] = isFull ? [200, 20_000] : [10, 500];

t.setTimeout(300_000);

t.test(`F2: ${amount} agents whose coordinator was away are back within 30 s`, async (t) => {
  const port = await freePort();
  const workshop = await Workshop.closed(t, { settings: { 'agents-address': `127.0.0.1:${port}` } });
  await workshop.coordinator.start();
  const { authority } = await workshop.coordinator.credentials();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const sessions = (await joinMany(workshop, amount)).map((host) => new AgentSession(host, authority, port));
  const running: Promise<void>[] = [];
  t.teardown(async () => {
    stop.abort();
    await Promise.all(running);
  });
  running.push(...sessions.map((session) => session.run(stop.signal)));
  const open = (): number => sessions.filter(({ isOpen }) => isOpen).length;
  const allOpen = (): ReturnType<typeof notYet> | true => open() === amount || notYet(`${open()} sessions are open`);
  await until('all are connected', allOpen, { withinMs: 60_000 });

  await workshop.coordinator.kill();
  await until('all have noticed', () => open() === 0 || notYet(open()));
  await sleep(awayMs);
  await workshop.coordinator.start();
  const servesAt = performance.now();
  const backAfter: number[] = [];
  await until('all are back', () => {
    while (backAfter.length < open()) backAfter.push(performance.now() - servesAt);
    return allOpen();
  }, { withinMs: 60_000, everyMs: 20 });
  const perSecond = Array.from({ length: 60 }, (_, second) => backAfter.filter((ms) => Math.floor(ms / 1_000) === second).length);
  t.comment(`the last of ${amount} was back after ${Math.round(backAfter.at(-1)!)} ms; at most ${Math.max(...perSecond)} came in one second`);
  t.ok(backAfter.at(-1)! < 30_000, 'the last one is back in time');
  if (isFull) t.ok(Math.max(...perSecond) < amount / 2, 'they do not come all at once', { perSecond });
});
