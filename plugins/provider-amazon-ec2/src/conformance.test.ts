import { fileURLToPath } from 'node:url';
import { conforms } from '@wombat/conformance';
import t from 'tap';
import { FaultRelay } from './testing/fault-relay.js';
import { startMoto, withoutMoto } from './testing/moto.js';
import { secretKey } from './testing/stage.js';
import { Ec2View } from './testing/view.js';

t.setTimeout(180_000);

/** What only the program itself shows. The promises of its calls are in every run kept to in the tests beside this one. */
const inEveryRun = ['handshake', 'round-trip', 'create-interrupted', 'memory', 'graceful-stop', 'secrets'];

t.test('the driver amazon-ec2 keeps the promises of a provider, against moto', { skip: withoutMoto() }, async (t) => {
  const { endpoint } = await startMoto(t);
  const relay = await FaultRelay.start(t, endpoint);
  const view = new Ec2View(endpoint, 'eu-west-1');
  const asksForCredentials = async (calls: string): Promise<void> => void (await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: calls }));
  const { plugin } = await conforms(t, {
    // The test runner would load itself into every program of Node.
    command: ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, fileURLToPath(new URL('./program.js', import.meta.url))],
    settings: { accessKeyId: 'AKIAWOMBATTEST', secretAccessKey: secretKey, region: 'eu-west-1', endpoint: relay.endpoint },
    ...(process.env['WOMBAT_TEST_FULL'] ? {} : { only: inEveryRun }),
    // moto lists at once.
    settleMs: 0,
    host: { image: await view.imageId(), hardwareProfile: 't3.small' },
    inventory: async () => (await view.instances()).map(({ InstanceId = '' }) => InstanceId),
    // moto knows no access key unless it was made there.
    authFailure: { begin: async () => asksForCredentials('0'), end: async () => asksForCredentials('inf') },
    throttling: {
      begin: async () => { relay.fault = () => ({ kind: 'refuse', status: 503, code: 'RequestLimitExceeded' }); },
      end: async () => { relay.fault = () => undefined; },
    },
  });
  t.equal(plugin, 'amazon-ec2');
});
