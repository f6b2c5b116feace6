import t from 'tap';
import { attribute, command, created, erlangApply, erlangEval, failed, hardwareProfile, image, machine, step, tagsOf } from './build.js';
import { FailureKind, MachineState, type HostSpec } from './contract.js';
import { ProviderError } from './provider-error.js';

const spec: HostSpec = {
  key: 'k1', hostId: 'host-a', image: '', hardwareProfile: '', region: '', zone: '', tags: { team: 'x', 'wombat-cluster': 'forged' }, firewallGroup: '',
  spot: false, labels: [],
};

t.test('a machine is told by its tags', async (t) => {
  const tags = tagsOf(spec, 'c1');
  t.strictSame(tags, { team: 'x', 'wombat-cluster': 'c1', 'wombat-host': 'host-a', 'wombat-key': 'k1' }, "the cluster's own tags win");
  t.strictSame(machine({ machineId: 'i-1', tags }), {
    machineId: 'i-1', key: 'k1', hostId: 'host-a', state: MachineState.RUNNING, addresses: [], createdAt: undefined, attributes: [], tags,
  });
  t.match(machine({ machineId: 'i-1', tags: {}, state: MachineState.STOPPED, addresses: ['10.0.0.1'] }), {
    key: '', hostId: '', state: MachineState.STOPPED, addresses: ['10.0.0.1'],
  });
});

t.test('results of createHosts', async (t) => {
  const made = machine({ machineId: 'i-1', tags: {} });
  t.strictSame(created('k', made), { key: 'k', outcome: { $case: 'machine', value: made } });
  t.match(failed('k', ProviderError.quota('full')), { key: 'k', outcome: { $case: 'failure', value: { kind: FailureKind.QUOTA, message: 'full' } } });
  t.match(failed('k', new Error('odd')).outcome, { value: { kind: FailureKind.UNAVAILABLE, message: 'odd' } });
});

t.test('images and profiles: what is not known is 0 or empty', async (t) => {
  t.strictSame(image('i', 'Image'), { id: 'i', name: 'Image', attributes: [] });
  t.strictSame(hardwareProfile({ id: 'small' }), { id: 'small', name: 'small', cpuCores: 0, memoryBytes: 0n, diskBytes: 0n, arch: '', attributes: [] });
  t.match(hardwareProfile({ id: 's', name: 'S', cpuCores: 2, memoryBytes: 5, diskBytes: 7, arch: 'x64' }), { cpuCores: 2, memoryBytes: 5n, diskBytes: 7n });
});

t.test('attributes have the type of their value', async (t) => {
  const kinds = [attribute('a', 'x'), attribute('a', true), attribute('a', 7), attribute('a', 1.5), attribute('a', ['x'])].map(({ value }) => value?.kind);
  t.strictSame(kinds, [
    { $case: 'text', value: 'x' }, { $case: 'flag', value: true }, { $case: 'integer', value: 7n }, { $case: 'decimal', value: 1.5 },
    { $case: 'list', value: { values: [{ kind: { $case: 'text', value: 'x' } }] } },
  ]);
});

t.test('steps and actions', async (t) => {
  t.strictSame(step('join', command(['a', 'b'], { X: '1' }), { deadlineMs: 1_500, retryExitCodes: [75], untilContains: ['ok'], intervalMs: 250 }), {
    name: 'join', action: { kind: { $case: 'command', value: { argv: ['a', 'b'], environment: { X: '1' }, settings: undefined } } },
    deadline: { seconds: 1n, nanos: 500_000_000 }, retryExitCodes: [75], until: { containsAll: ['ok'] }, interval: { seconds: 0n, nanos: 250_000_000 },
  });
  t.match(step('s', erlangEval('node().'), { deadlineMs: 1 }), { until: undefined, interval: undefined, retryExitCodes: [] });
  t.strictSame(erlangApply('m', 'f', '[a]').kind, { $case: 'erlangApply', value: { module: 'm', function: 'f', arguments: '[a]' } });
});
