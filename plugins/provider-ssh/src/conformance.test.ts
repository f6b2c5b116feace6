import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conforms } from '@wombat/conformance';
import t from 'tap';
import { newKey, Sshd, withoutSshd } from './testing/index.js';

t.setTimeout(180_000);

/** Four is what the checks ask for at once, where order matters. */
const amount = process.env['WOMBAT_TEST_FULL'] ? 4 : 3;

t.test('the driver ssh keeps the promises of a provider, against real sshd', { skip: withoutSshd() }, async (t) => {
  const user = newKey();
  const machines = await Promise.all(Array.from({ length: amount }, async () => await Sshd.start(t, { user })));
  const busy = await Sshd.start(t, { user, maxStartups: 1 });
  const spelled = ({ address, port, hostKey }: Sshd, name: string) => ({ name, address, port, hostKey: hostKey.public });
  let stranger: Socket | undefined;
  const { plugin } = await conforms(t, {
    // The test runner would load itself into every program of Node.
    command: ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, fileURLToPath(new URL('./program.js', import.meta.url))],
    settings: {
      machines: machines.map((sshd, index) => spelled(sshd, `m${index}`)),
      user: machines[0]!.user, privateKey: user.private, scope: 'home',
    },
    machines: amount,
    inventory: async () => machines.flatMap(({ home }, index) => {
      const owner = join(home, '.wombat-host/owner');
      return existsSync(owner) ? [`m${index}/${readFileSync(owner, 'utf8').split(' ')[1]}`] : [];
    }),
    authFailure: { settings: { privateKey: newKey().private } },
    // Somebody who connects and says nothing.
    throttling: {
      settings: { machines: [spelled(busy, 'busy')] },
      begin: async () => {
        stranger = connect(busy.port, busy.address);
        await once(stranger, 'data');
      },
      end: async () => void stranger?.destroy(),
    },
  });
  t.equal(plugin, 'ssh');
  for (const { home } of machines) t.notOk(existsSync(join(home, '.wombat-host')), 'nothing is left on a machine');
});
