import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { WombatError } from '@wombat/proto';
import type { NodeSpec, Port } from '@wombat/proto/agent';

/** Binds each port of the node for a moment, but for those that its own process has now. @throws WombatError WO_PORT_IN_USE */
export async function checkPorts(spec: NodeSpec, running?: NodeSpec): Promise<void> {
  const held = running?.address === spec.address ? portsOf(running) : [];
  const isHeld = (port: Port): boolean => held.some(({ number, protocol }) => number === port.number && protocol === port.protocol);
  await Promise.all(portsOf(spec).filter((port) => !isHeld(port)).map((port) => checkPort(port, spec.address)));
}

function portsOf({ ports, erlang }: NodeSpec): Port[] {
  const distribution = erlang?.distributionPort;
  const isNamed = ports.some(({ number }) => number === distribution);
  const all = distribution && !isNamed ? [...ports, { name: 'distribution', number: distribution, protocol: 'tcp' }] : ports;
  return all.filter(({ number }) => number > 0);
}

async function checkPort({ name, number, protocol }: Port, address: string): Promise<void> {
  try {
    await (protocol === 'udp' ? bindUdp(number, address) : bindTcp(number, address));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const where = address === '' ? '' : ` of ${address}`;
    if (code === 'EADDRINUSE') {
      throw new WombatError('WO_PORT_IN_USE', `port ${number} (${name})${where} is taken by another process`, { details: { port: String(number) }, cause });
    }
    throw new WombatError('WO_NODE_START_FAILED', `port ${number} (${name})${where} cannot be bound: ${code}`, { cause });
  }
}

function bindTcp(port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, exclusive: true, ...(address === '' ? {} : { host: address }) }, () => server.close(() => resolve()));
  });
}

function bindUdp(port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => socket.close(() => reject(error)));
    socket.bind({ port, exclusive: true, ...(address === '' ? {} : { address }) }, () => socket.close(() => resolve()));
  });
}
