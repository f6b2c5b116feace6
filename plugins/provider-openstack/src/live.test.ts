import { fileURLToPath } from 'node:url';
import { conforms } from '@wombat/conformance';
import t from 'tap';
import { LiveOpenstack, whyNotHere } from './testing/live-openstack.js';
import { LiveStage } from './testing/live-stage.js';
import { writeRecording } from './testing/recordings.js';
import { cases } from './testing/suite.js';

/* Keystone, Nova (with its fake virt driver), Glance and Neutron as Debian has them. `WOMBAT_RECORD=1` renews what recorded.test.ts plays. */

t.setTimeout(30 * 60_000);

t.test('the driver on a real Keystone, Nova, Glance and Neutron', { skip: whyNotHere() }, async (t) => {
  const openstack = await LiveOpenstack.start();
  t.teardown(() => openstack.stop());
  for (const [name, play] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const stage = await LiveStage.open(openstack.cloud);
      try {
        await play(t, stage);
      } finally {
        t.strictSame(await stage.close(), []);
      }
      if (t.passing() && process.env['WOMBAT_RECORD']) writeRecording(name, stage.recording);
    });
  }

  await t.test('it keeps the promises of a provider', async (t) => {
    const stage = await LiveStage.open(openstack.cloud);
    const program = fileURLToPath(new URL('./program.js', import.meta.url));
    await conforms(t, {
      // The test runner would load itself into every program of Node.
      command: ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, program],
      settings: stage.settings,
      host: { image: 'debian-12', hardwareProfile: 'small' },
      machines: 8,
      // A request that was taken back may still be at work.
      settleMs: 10_000,
      inventory: async () => await stage.serverIds(),
      authFailure: { settings: { password: 'a-wrong-one' } },
      throttling: {
        begin: async () => { stage.refusal = { status: 429, body: { overLimit: { message: 'too many requests' } } }; },
        end: async () => { stage.refusal = undefined; },
      },
    }).finally(() => stage.close());
  });
});
