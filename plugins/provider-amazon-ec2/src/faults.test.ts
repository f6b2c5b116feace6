import { FailureKind, MachineState, durationToMs, type CreateHostResult, type FailureKind as Kind } from '@wombat/plugin-sdk';
import t from 'tap';
import { FaultRelay } from './testing/fault-relay.js';
import { startMoto, withoutMoto } from './testing/moto.js';
import { call, failureOf, hostId, machineOf, payloadOf, refusalOf, spec, specs, Stage } from './testing/stage.js';
import { Ec2View, wombatTags } from './testing/view.js';

t.setTimeout(180_000);

/** Machines that are asked for, and those that the account allows. */
const { asked, allowed } = process.env['WOMBAT_TEST_FULL'] ? { asked: 500, allowed: 100 } : { asked: 50, allowed: 10 };

function kinds(results: readonly CreateHostResult[]): (Kind | 'machine')[] {
  return results.map((result) => failureOf(result)?.kind ?? 'machine');
}

t.test('amazon-ec2 against moto behind a relay that breaks things', { skip: withoutMoto() }, async (t) => {
  const { endpoint } = await startMoto(t);
  const image = await new Ec2View(endpoint, 'eu-west-1').imageId();

  await t.test('an answer that is lost after the machine was made: asked again there is still one', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.fault = ({ action, before }) => (action === 'RunInstances' && before === 1 ? { kind: 'lose-answer' } : undefined);
    const results = await stage.provider.createHosts(specs(3, image), call());
    const lost = results.filter((result) => failureOf(result) !== undefined);
    t.equal((await stage.instances()).length, 3, 'EC2 has made all of them');
    t.equal(lost.length, 1, 'one answer is missing');
    t.match(failureOf(lost[0]), { kind: FailureKind.UNAVAILABLE, mayRetry: true }, 'nobody claims to know what became of it');
    for (const provider of [stage.provider, stage.another()]) {
      const again = await provider.createHosts(specs(3, image), call());
      t.equal(new Set(again.map((result) => machineOf(result).machineId)).size, 3);
    }
    t.equal((await stage.instances()).length, 3, 'no machine was doubled');
    t.equal(relay.called('RunInstances').length, 3, 'EC2 was asked for each once');
  });

  await t.test('each creation carries a token that is its key\'s alone', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.fault = ({ action, before }) => (action === 'RunInstances' && before === 0 ? { kind: 'refuse', status: 503, code: 'Unavailable' } : undefined);
    t.strictSame(kinds(await stage.provider.createHosts([spec(1, image)], call())), [FailureKind.UNAVAILABLE]);
    await stage.another().createHosts([spec(1, image), spec(2, image)], call());
    const tokens = relay.called('RunInstances').map(({ parameters }) => parameters.get('ClientToken') ?? '');
    t.equal(tokens[0], tokens[1], 'asked again with the same');
    t.equal(new Set(tokens).size, 2, 'another key has another');
    t.ok(tokens.every((token) => /^[0-9a-f]{64}$/.test(token)));
    relay.fault = ({ action }) => (action === 'RunInstances' ? { kind: 'refuse', status: 400, code: 'IdempotentParameterMismatch' } : undefined);
    t.match(failureOf((await stage.provider.createHosts([spec(3, image)], call()))[0]), { kind: FailureKind.UNAVAILABLE, mayRetry: true }, 'made before, with another payload: it will be listed');
  });

  await t.test(`${asked} hosts from an account limited to ${allowed}: exactly ${allowed} are made, the others say quota`, async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.quota = allowed;
    const results = await stage.provider.createHosts(specs(asked, image), call(120_000));
    const made = results.filter((result) => failureOf(result) === undefined).map((result) => machineOf(result));
    t.equal(made.length, allowed, 'the limit is used up');
    t.ok(kinds(results).every((kind) => kind === 'machine' || kind === FailureKind.QUOTA), 'all others say quota');
    t.strictSame(results.map(({ key }) => key), specs(asked, image).map(({ key }) => key), 'each has its own result');
    const found = await stage.instances();
    t.strictSame(
      found.map(({ InstanceId, Tags }) => [InstanceId, wombatTags(Tags)['wombat-key']]).sort(),
      made.map(({ machineId, key }) => [machineId, key]).sort(),
      'what was told is what there is',
    );
    t.ok(relay.called('RunInstances').length < allowed + 6, 'EC2 is not asked again and again for what it has refused');
    const gone = await stage.provider.destroyHosts(made.map(({ machineId }) => machineId), call());
    t.ok(gone.every(({ failure }) => failure === undefined));
    t.strictSame(await stage.instances(), []);
  });

  await t.test('no capacity for one size or zone is told for those hosts, the others are made', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.fault = ({ action, parameters }) => (action === 'RunInstances' && parameters.get('InstanceType') === 'm5.large'
      ? { kind: 'refuse', status: 500, code: 'InsufficientInstanceCapacity', message: 'We currently do not have sufficient m5.large capacity.' } : undefined);
    const wanted = [spec(1, image), spec(2, image, { hardwareProfile: 'm5.large' }), spec(3, image), spec(4, image, { image: 'ami-00000000' })];
    const results = await stage.provider.createHosts(wanted, call());
    t.strictSame(kinds(results), ['machine', FailureKind.CAPACITY, 'machine', FailureKind.INVALID]);
    t.match(failureOf(results[1]), { mayRetry: true, message: 'we currently do not have sufficient m5.large capacity (InsufficientInstanceCapacity)' });
    t.strictSame((await stage.instances()).map(({ Tags }) => wombatTags(Tags)['wombat-host']).sort(), [hostId(1), hostId(3)]);
  });

  await t.test('throttling is told with how long to wait, is not slept through, and asks no more', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.fault = ({ action, before }) => (action === 'RunInstances' && before >= 3
      ? { kind: 'refuse', status: 503, code: 'RequestLimitExceeded', headers: { 'retry-after': '900' } } : undefined);
    // Who slept through it would be called off.
    const results = await stage.provider.createHosts(specs(30, image), call());
    t.equal(kinds(results).filter((kind) => kind === 'machine').length, 3);
    const throttled = results.flatMap((result) => failureOf(result) ?? []);
    t.ok(throttled.every(({ kind, mayRetry, retryAfter }) => kind === FailureKind.THROTTLED && mayRetry && durationToMs(retryAfter) === 900_000), 'all others are throttled, for as long as EC2 says');
    t.ok(relay.called('RunInstances').length <= 7, 'a throttled account is left alone');
    relay.fault = ({ action }) => (action === 'DescribeInstances' ? { kind: 'refuse', status: 503, code: 'Throttling' } : undefined);
    t.match(await refusalOf(stage.provider.listHosts(call())), { kind: FailureKind.THROTTLED, retryAfterMs: 5_000 }, 'lists are throttled too');
    t.match((await stage.provider.destroyHosts(['i-0123456789abcdef0'], call()))[0]?.failure, { kind: FailureKind.THROTTLED }, 'and what could not be looked for is not called gone');
    t.strictSame(kinds(await stage.provider.createHosts([spec(99, image)], call())), [FailureKind.THROTTLED], 'nothing is made before its key was looked for');
    relay.fault = () => undefined;
    const rest = await stage.provider.createHosts(specs(6, image), call());
    t.strictSame(kinds(rest), Array.from({ length: 6 }, () => 'machine'), 'it works again afterwards');
    t.equal((await stage.instances()).length, 6);
  });

  await t.test('a machine that is not visible yet is neither doubled, nor lost, nor called gone', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    relay.hidesNew = true;
    const [made] = await stage.provider.createHosts([spec(1, image)], call());
    const { machineId } = machineOf(made);
    t.strictSame((await stage.another().listHosts(call())), [], 'EC2 does not list it');
    t.match(await stage.provider.listHosts(call()), [{ machineId, key: 'key-1', state: MachineState.CREATING }], 'whoever has made it does');
    t.equal(machineOf((await stage.provider.createHosts([spec(1, image)], call()))[0]).machineId, machineId, 'asked again it is the same');
    t.match((await stage.provider.destroyHosts([machineId], call()))[0]?.failure, { kind: FailureKind.UNAVAILABLE, mayRetry: true }, 'it cannot be ended yet, so it is not gone');
    t.equal((await new Ec2View(endpoint, stage.region).instances(stage.clusterId)).length, 1);
    relay.show();
    t.match(await stage.provider.listHosts(call()), [{ machineId, state: MachineState.RUNNING }], 'once it is visible, EC2 is believed');
    t.strictSame(await stage.provider.destroyHosts([machineId], call()), [{ machineId, failure: undefined }]);
    t.strictSame(await stage.provider.listHosts(call()), []);
  });

  await t.test('of many that are ended, one that has vanished meanwhile spoils nothing', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    const ids = (await stage.provider.createHosts(specs(3, image), call())).map((result) => machineOf(result).machineId);
    relay.fault = ({ action, parameters }) => (action === 'TerminateInstances' && [...parameters.values()].includes(ids[1]!)
      ? { kind: 'refuse', status: 400, code: 'InvalidInstanceID.NotFound', message: `The instance ID '${ids[1]}' does not exist` } : undefined);
    t.strictSame(await stage.provider.destroyHosts(ids, call()), ids.map((machineId) => ({ machineId, failure: undefined })));
    t.strictSame((await stage.instances()).map(({ InstanceId }) => InstanceId), [ids[1]], 'the others have ended');
    relay.fault = ({ action, parameters }) => (action === 'TerminateInstances' && [...parameters.values()].includes(ids[1]!)
      ? { kind: 'refuse', status: 400, code: 'OperationNotPermitted', message: 'it is protected' } : undefined);
    t.match((await stage.provider.destroyHosts([ids[0]!, ids[1]!], call())).map(({ failure }) => failure?.mayRetry), [undefined, false], 'one that is protected is told');
  });

  await t.test('called off in the midst: it answers at once, and whatever was made is tagged', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    let answer: (value?: unknown) => void = () => undefined;
    const until = new Promise((resolve) => { answer = resolve; });
    relay.fault = ({ action }) => (action === 'RunInstances' ? { kind: 'hold-answer', until } : undefined);
    const stop = new AbortController();
    const creating = stage.provider.createHosts(specs(10, image), { signal: stop.signal });
    while ((await new Ec2View(endpoint, stage.region).instances(stage.clusterId)).length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort(new Error('nobody wants them any more'));
    // The answers are still held back.
    const results = await creating;
    t.ok(results.every((result) => failureOf(result)?.kind === FailureKind.UNAVAILABLE), 'nobody claims to know what became of them');
    answer();
    t.equal(relay.called('RunInstances').length, 4, 'no more was begun');
    const instances = await stage.instances();
    t.strictSame(instances.map(({ Tags }) => wombatTags(Tags)['wombat-key']).sort(), ['key-0', 'key-1', 'key-2', 'key-3'], 'all that runs can be found');
    t.equal(await stage.view.userData(instances[0]!.InstanceId!), payloadOf(wombatTags(instances[0]!.Tags)['wombat-host']!));
    relay.fault = () => undefined;
    const again = await stage.provider.createHosts(specs(10, image), call());
    t.strictSame(kinds(again), Array.from({ length: 10 }, () => 'machine'));
    t.equal((await stage.instances()).length, 10, 'asked for again, none is doubled');
    await t.rejects(stage.provider.listHosts({ signal: AbortSignal.abort(new Error('too late')) }), /too late/, 'what is called off before it begins does nothing');
  });

  await t.test('an endpoint that answers nonsense, fails or is not there is unavailable', async (t) => {
    const relay = await FaultRelay.start(t, endpoint);
    const stage = new Stage(t, relay.endpoint);
    for (const status of [500, 502, 503]) {
      relay.fault = () => ({ kind: 'refuse', status, code: 'InternalError' });
      t.match(await refusalOf(stage.provider.listHosts(call())), { kind: FailureKind.UNAVAILABLE, mayRetry: true }, `status ${status}`);
    }
    relay.fault = () => ({ kind: 'lose-answer' });
    t.match(await refusalOf(stage.provider.verify(call())), { kind: FailureKind.UNAVAILABLE });
    const nobody = new Stage(t, 'http://127.0.0.1:1');
    t.match(await refusalOf(nobody.provider.verify(call())), { kind: FailureKind.UNAVAILABLE }, 'nobody listens');
    t.strictSame(kinds(await nobody.provider.createHosts(specs(3, image), call())), [FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE]);
  });
});
