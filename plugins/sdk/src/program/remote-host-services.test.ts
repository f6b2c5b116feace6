import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { serveHostServices } from '../host/host-services-server.js';
import type { HostServices } from '../host-services.js';
import { FakeHost, type FakeHostOptions } from '../testing.js';
import { remoteHostServices } from './remote-host-services.js';

/** The services of a host behind a socket. */
async function overSocket(t: Test, options: FakeHostOptions): Promise<HostServices> {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-host-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const socket = join(directory, 'host.sock');
  const server = await serveHostServices(new FakeHost(options), socket);
  t.teardown(() => server.forceShutdown());
  return remoteHostServices(socket);
}

t.test('a package of the agent comes in pieces, as fast as it is read', async (t) => {
  const piece = Buffer.alloc(256 * 1024, 'x');
  let read = 0;
  const pieces = function* (): Generator<Buffer> {
    for (; read < 40; read += 1) yield piece;
  };
  const host = await overSocket(t, { agentPackage: (arch) => (arch === 'x64' ? { sha256: 'f00d', content: Readable.from(pieces()) } : undefined) });
  t.equal(await host.agentPackage('arm64'), undefined, 'there is none of another kind');
  const found = await host.agentPackage('x64');
  t.equal(found?.sha256, 'f00d');
  t.ok(read < 40, `${read} pieces of 40 were sent before anybody read`);
  t.equal((await buffer(found!.content)).length, 40 * piece.length);
});

t.test('a package that is not read to its end is let go at its source', async (t) => {
  const content = new Readable({ read() { this.push(Buffer.alloc(64 * 1024)); } });
  const closed = new Promise<void>((resolve) => content.once('close', resolve));
  const host = await overSocket(t, { agentPackage: () => ({ sha256: 'f00d', content }) });
  (await host.agentPackage('x64'))?.content.destroy();
  await closed;
});

t.test('what goes wrong in the middle of it is told', async (t) => {
  const host = await overSocket(t, { agentPackage: () => ({ sha256: 'f00d', content: Readable.from((function* () { yield Buffer.from('begun'); throw new Error('the disk is gone'); })()) }) });
  await t.rejects(host.agentPackage('x64').then(async (found) => await buffer(found!.content)), { name: 'ProviderError', message: 'the disk is gone' });
});
