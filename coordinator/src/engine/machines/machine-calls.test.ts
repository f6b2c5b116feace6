import t from 'tap';
import { ProviderError } from '@wombat/plugin-sdk';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { errorOfFailure } from '../../domain/provider-failure.js';
import type { ProviderCalls } from '../ports.js';
import { MachineCalls } from './machine-calls.js';

const { signal } = new AbortController();
const limits = { callsPerSecond: 2, callsAtOnce: 4, hostsPerCall: 10 };

async function calls(clock: ManualClock, changed: Partial<ProviderCalls>): Promise<MachineCalls> {
  const whole = { ...(await new FakeProviders().get({} as never)), ...changed };
  return new MachineCalls({ clock, limits, connect: async () => whole });
}

void t.test('who asks while a list waits is answered by it; who asks later gets a later one', async (test) => {
  const clock = new ManualClock();
  let lists = 0;
  const asked = await calls(clock, { listHosts: async () => (await clock.sleep(100), (lists += 1), []) });
  const early = Promise.all([asked.list(signal), asked.list(signal), asked.list(signal)]);
  await settle();
  const late = asked.list(signal);
  await clock.advance(200);
  await Promise.all([early, late]);
  test.equal(lists, 2, 'a list that was begun before shows too little');
});

void t.test('calls are made at their rate, and not before a provider that throttles wants them', async (test) => {
  const clock = new ManualClock();
  const times: number[] = [];
  const began = clock.now();
  let isThrottled = true;
  const asked = await calls(clock, {
    listHosts: async () => {
      times.push(clock.now() - began);
      // ProviderHost throws what the driver threw as an error of the catalogue.
      if (isThrottled && times.length === 5) throw throttled(30_000);
      return [];
    },
  });
  for (let call = 0; call < 5; call += 1) {
    const list = asked.list(signal).catch(() => undefined);
    await settle();
    while (times.length <= call) await clock.advance(100);
    await list;
  }
  test.same(times, [0, 0, 0, 0, 500], 'a burst, then two a second');
  isThrottled = false;
  const list = asked.list(signal);
  await settle();
  await clock.advance(29_999);
  test.equal(times.length, 5, 'left alone for as long as it said');
  await clock.advance(1);
  await list;
  test.equal(times.length, 6);
});

void t.test('a provider that never answers is given up, on the clock', async (test) => {
  const clock = new ManualClock();
  const asked = await calls(clock, { createHosts: () => new Promise(() => undefined), destroyHosts: async () => [] });
  const creating = asked.create([{} as never, {} as never], signal);
  await settle();
  await clock.advance(300_000);
  test.match(await creating, [{ code: 'WO_DEADLINE_EXCEEDED' }, { code: 'WO_DEADLINE_EXCEEDED' }]);
  test.match(await asked.destroy(['machine-1'], signal), [{ code: 'WO_PROVIDER_UNAVAILABLE' }], 'what is not answered is not gone');
});

function throttled(retryAfterMs: number): Error {
  return errorOfFailure(ProviderError.throttled('slow down', retryAfterMs).toFailure());
}
