import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Connection } from './connection.js';
import { hostKeysOf, readPin } from './host-key.js';
import { newKey, Sshd, withoutSshd } from './testing/sshd.js';

void t.test('a program that ends at once has said with what, whenever it is asked', { skip: withoutSshd() }, async (t) => {
  const user = newKey();
  const sshd = await Sshd.start(t, { user });
  const target = {
    name: 'web-1', address: sshd.address, port: sshd.port, user: sshd.user, hostKeys: hostKeysOf([readPin(sshd.hostKey.public)]),
    internalAddress: undefined, region: '', zone: '', labels: {},
  };
  const connection = await Connection.open(target, { privateKey: user.private }, async () => () => undefined);
  t.teardown(() => connection.end());
  const remote = await connection.exec('exit 7');
  await sleep(500);
  t.equal(remote.exitCode(), 7);
});
