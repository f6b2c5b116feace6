import { Stray, StrayKind, UnreadableProvider } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator, type Handlers } from '../testing/fake-coordinator.js';
import { metadata } from '../testing/objects.js';
import { runWo } from '../testing/run-wo.js';

const orphan = Stray.fromPartial({
  metadata: metadata('stray-aaaaaaaaaaaa', 'orphan i-1'), kind: StrayKind.ORPHAN, providerName: 'cloud', machineId: 'i-1', key: 'host-zzzzzzzzzzzz', reason: 'this coordinator has no host for it',
});
const ghost = Stray.fromPartial({ metadata: metadata('stray-bbbbbbbbbbbb', 'ghost i-2'), kind: StrayKind.GHOST, providerName: 'cloud', machineId: 'i-2', reason: 'its host is unknown' });

async function coordinator(t: Test, handlers: Handlers = {}): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = { listStrays: () => ({ strays: [orphan, ghost], page: undefined, unreadable: [] }), ...handlers };
  return fake;
}

t.test('--plan shows what there is and removes nothing', async (t) => {
  const fake = await coordinator(t);
  const ran = await runWo(fake, ['gc', '--plan']);
  t.equal(ran.exit, 0);
  t.match(ran.stdout, /orphan +cloud +i-1 .*host-zzzzzzzzzzzz.*this coordinator has no host for it/);
  t.match(ran.stdout, /ghost +cloud +i-2/);
  t.same(fake.calls.filter((call) => call.includes('emove')), []);
});

t.test('without a word of the operator nothing is removed', async (t) => {
  const fake = await coordinator(t);
  const ran = await runWo(fake, ['gc']);
  t.equal(ran.exit, 2);
  t.match(ran.stderr, /this destroys 1 machine and fails 1 host.*WO_CONFIRMATION_NEEDED|WO_CONFIRMATION_NEEDED/s);
  t.same(fake.calls.filter((call) => call.includes('emove')), []);
});

t.test('--yes removes all that was shown; what remains is told, and the exit code with it', async (t) => {
  let asked: readonly string[] = [];
  const fake = await coordinator(t, {
    removeStrays: ({ strays }) => {
      asked = strays;
      return { remaining: [{ ...ghost, lastError: { code: 'WO_PROVIDER_UNAVAILABLE', message: 'no answer', hint: '', details: {} } }] };
    },
  });
  const ran = await runWo(fake, ['gc', '--yes']);
  t.same(asked, ['stray-aaaaaaaaaaaa', 'stray-bbbbbbbbbbbb']);
  t.equal(ran.exit, 3);
  t.match(ran.stderr, /ghost i-2 is still there: no answer/);
  t.match(ran.stderr, /1 of 2 removed/);
});

t.test('nothing to remove, and a provider that could not be asked', async (t) => {
  const clean = await coordinator(t, { listStrays: () => ({ strays: [], page: undefined, unreadable: [] }) });
  const ran = await runWo(clean, ['gc']);
  t.match(ran, { exit: 0, stderr: /every machine has its host/ });
  const unreadable = [UnreadableProvider.fromPartial({ providerName: 'other', error: { code: 'WO_PROVIDER_AUTH', message: 'the key is refused' } })];
  const blind = await coordinator(t, { listStrays: () => ({ strays: [], page: undefined, unreadable }) });
  t.match(await runWo(blind, ['gc', '--plan']), { exit: 1, stderr: /other could not be asked.*the key is refused/ });
});
