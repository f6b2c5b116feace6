import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface Relay {
  readonly address: string;
  connections(): number;
  /** What came from the far end, over all connections. */
  answeredBytes(): number;
  /** Ends all connections at both ends. */
  cut(): void;
  /** Where new connections go from now on. */
  leadTo(address: string): void;
}

/**
 * Passes bytes on between who connects to it and `to`; called before each answer, which it may prevent by destroying the near end,
 * or answer something else in its place.
 */
export type OnAnswer = (near: Socket, connectionBytes: number, bytes: Buffer) => Buffer | void;

export async function startRelay(t: Test, to: string, onAnswer: OnAnswer = () => undefined): Promise<Relay> {
  let target = to;
  const nears = new Set<Socket>();
  let connections = 0;
  let answeredBytes = 0;
  const server = createServer((near) => {
    connections += 1;
    nears.add(near.once('close', () => nears.delete(near)));
    const [host = '', port = ''] = target.split(':');
    const far = connect({ host, port: Number(port) });
    near.on('error', () => far.destroy()).on('close', () => far.destroy()).pipe(far);
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    far.on('data', (bytes: Buffer) => {
      const passed = onAnswer(near, far.bytesRead, bytes) ?? bytes;
      if (near.destroyed) return;
      answeredBytes += passed.length;
      near.write(passed);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    answeredBytes: () => answeredBytes,
    cut: () => nears.forEach((near) => near.destroy()),
    leadTo: (address) => (target = address),
  };
}
