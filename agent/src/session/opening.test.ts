import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Hello } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { secureClient } from '../identity/secure-client.js';
import { memoryLog } from '../testing/log-memory.js';
import { ManualClock } from '../testing/manual-clock.js';
import { sessionBench } from '../testing/session-bench.js';
import { until } from '../testing/until.js';
import { Channels } from './channels.js';
import { Connection } from './connection.js';
import { SessionStream, type SessionEnd } from './session-stream.js';

/** A machine whose kernel accepts connections, and nobody reads them. */
async function silentMachine(t: Test): Promise<{ readonly host: string; readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** `hears`: whether the agent is told that it has a TCP connection. */
async function openTo(t: Test, { hears }: { readonly hears: boolean }): Promise<{ readonly clock: ManualClock; readonly connection: Connection; readonly ended: () => SessionEnd | undefined }> {
  const { handlers, keeper, reporter } = await sessionBench(t);
  const { log } = memoryLog();
  const address = await silentMachine(t);
  const clock = new ManualClock();
  const connection = new Connection((onReached) => secureClient(address, keeper.current(), hears ? onReached : undefined));
  t.teardown(() => connection.close());
  const stream = new SessionStream({ handlers, channels: new Channels(handlers, log), reporter, clock, log, onOpen: () => t.fail('a session was opened') }, connection);
  let end: SessionEnd | undefined;
  void stream.run(Hello.fromPartial({}), new AbortController().signal).then((result) => (end = result));
  return { clock, connection, ended: () => end };
}

t.test('a coordinator that has accepted the connection is given a minute for its Welcome', async (t) => {
  const { clock, connection, ended } = await openTo(t, { hears: true });
  await until(() => connection.isReached, 'a TCP connection');
  clock.advance(10_000);
  await until(() => clock.pending().some((ms) => ms === 60_000), 'the longer wait');
  t.equal(ended(), undefined, 'thousands may be before this agent');
  clock.advance(60_000);
  t.match((await until(() => ended(), 'the end of the try')).error, { code: 'WO_DEADLINE_EXCEEDED', message: 'no Welcome within 60000 ms' });
});

t.test('a machine that does not answer is tried again after 10 s', async (t) => {
  const { clock, ended } = await openTo(t, { hears: false });
  clock.advance(10_000);
  t.match((await until(() => ended(), 'the end of the try')).error, { code: 'WO_DEADLINE_EXCEEDED', message: 'no connection within 10000 ms' });
});
