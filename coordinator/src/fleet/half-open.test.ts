import { readdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { newId } from '@wombat/proto';
import t, { type Test } from 'tap';
import { FleetHarness } from './testing/fleet-harness.js';
import { settle } from './testing/manual-clock.js';
import { SimulatedAgent } from './testing/simulated-agent.js';

const sessions = 40;
const rounds = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const heapBytes = (): number => (collect(), process.memoryUsage().heapUsed);

void t.test('sessions that fall silent half-open leave neither open files nor memory behind', async (t) => {
  const harness = await FleetHarness.start(t);
  // Code that runs for the first time stays.
  for (let round = 0; round < 2; round += 1) await comeAndFallSilent(t, harness);
  const before = { files: openFiles(), bytes: heapBytes() };
  for (let round = 0; round < rounds; round += 1) await comeAndFallSilent(t, harness);
  t.equal(harness.listener.count('silent'), sessions * (rounds + 2), 'each was noticed');
  await until(() => openFiles() <= before.files, 'as many files to be open as before');
  // The ends of those that are gone hold on to some of it for a moment.
  await until(() => heapBytes() <= before.bytes * 1.05, 'memory to be what it was, but for 5 %');
});

/** Their connections stay open at their end, and nothing passes any more. */
async function comeAndFallSilent(t: Test, harness: FleetHarness): Promise<void> {
  const network = await deafNetwork(harness.address);
  const agents = Array.from({ length: sessions }, () => new SimulatedAgent(network.address, newId('host')));
  await Promise.all(agents.map((agent) => agent.connect()));
  network.fallSilent();
  await harness.clock.advance(14_000);
  t.same(harness.fleet.connectedHosts(), [], 'all of them are gone');
  await until(() => network.openBehind() === 0, 'their connections to be closed');
  for (const agent of agents) agent.kill();
  await network.end();
  await settle(20);
}

interface DeafNetwork {
  readonly address: string;
  fallSilent(): void;
  /** Connections that the coordinator holds. */
  openBehind(): number;
  end(): Promise<void>;
}

async function deafNetwork(to: string): Promise<DeafNetwork> {
  const [host = '', port = ''] = to.split(':');
  const [nears, fars] = [new Set<Socket>(), new Set<Socket>()];
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) });
    nears.add(near.on('error', () => undefined));
    fars.add(far.on('error', () => undefined).once('close', () => fars.delete(far)));
    near.pipe(far);
    far.pipe(near);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fallSilent: () => [...nears, ...fars].forEach((socket) => socket.unpipe().resume()),
    openBehind: () => fars.size,
    end: async () => {
      for (const socket of [...nears, ...fars]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const latest = performance.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (performance.now() > latest) throw new Error(`waited in vain for ${what}`);
  }
}
