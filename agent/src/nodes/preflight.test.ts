import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync, statfsSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { durationFromMs, newId } from '@wombat/proto';
import { DesiredState, NodePhase, type NodeSpec, type NodeStatus } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { TestHost, assignment, kill, nodeSpec, processesOf } from './testing/host.js';

/** A small program that is linked to libraries. */
const program = '/bin/true';

async function hostWith(t: Test): Promise<TestHost> {
  const host = new TestHost();
  await host.start();
  t.teardown(() => host.end());
  return host;
}

/** Puts a virtual machine into the release that the host fetches next. */
function bringMachine(host: TestHost, change: (elf: Buffer) => void): void {
  const folder = join(host.tree, 'erts-13.1.5', 'bin');
  mkdirSync(folder, { recursive: true });
  const elf = readFileSync(program);
  change(elf);
  writeFileSync(join(folder, 'beam.smp'), elf);
}

async function listening(t: Test): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return { server, port: (server.address() as { port: number }).port };
}

const machineField = 18;
const renderedAnew = [{ path: 'etc/x', content: Buffer.from('2'), mode: 0o644 }];

/** What fails, for a node that never ran: nothing of it is made. */
async function refused(t: Test, host: TestHost, spec: NodeSpec): Promise<NodeStatus> {
  const nodeId = newId('node');
  await host.assign(assignment(nodeId, { spec }));
  const status = await host.reaches(nodeId, NodePhase.FAILED);
  t.strictSame(host.releases.made, [], 'no root was made');
  t.notOk(existsSync(join(host.agentDirectory, 'nodes', nodeId)), 'no directory was made');
  t.equal(status.pid, 0n, 'nothing was started');
  return status;
}

t.test('a virtual machine for another processor', async (t) => {
  const host = await hostWith(t);
  bringMachine(host, (elf) => elf.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, machineField));
  const { lastError } = await refused(t, host, nodeSpec());
  t.equal(lastError?.code, 'WO_PLATFORM_MISMATCH');
  t.match(lastError?.message, new RegExp(`erts-13.1.5/bin/beam.smp was built for \\w+, and this host is ${process.arch}`));
});

t.test('a virtual machine for another C library', async (t) => {
  const host = await hostWith(t);
  bringMachine(host, (elf) => {
    const at = elf.indexOf('/lib', 0, 'latin1');
    const end = elf.indexOf(0, at);
    elf.fill(0, at, end);
    elf.write('/lib/ld-musl-x.so.1', at, 'latin1');
  });
  const { lastError } = await refused(t, host, nodeSpec());
  t.equal(lastError?.code, 'WO_PLATFORM_MISMATCH');
  t.match(lastError?.message, 'was built for musl, and this host has glibc');
});

t.test('a library that the host lacks is named, and how to get it', async (t) => {
  const host = await hostWith(t);
  bringMachine(host, (elf) => replaceNeeded(elf, 'libm.so.0'));
  const { lastError } = await refused(t, host, nodeSpec());
  t.equal(lastError?.code, 'WO_LIBRARY_MISSING');
  t.match(lastError, { message: /beam\.smp needs libm\.so\.0, which this host does not have/, details: { libraries: 'libm.so.0' }, hint: /apt-get install libc6/ });
});

function replaceNeeded(elf: Buffer, name: string): void {
  for (let at = elf.indexOf('libc.so.6\0', 0, 'latin1'); at >= 0; at = elf.indexOf('libc.so.6\0', at + 1, 'latin1')) elf.write(`${name}\0`, at, 'latin1');
}

t.test('a virtual machine of this host passes', async (t) => {
  const host = await hostWith(t);
  bringMachine(host, () => undefined);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  await host.reaches(nodeId, NodePhase.READY);
});

t.test('what the release asks for and the host is not or has not', async (t) => {
  const host = await hostWith(t);
  const asking = (memoryBytes: bigint, diskBytes: bigint, arch = ''): NodeSpec =>
    nodeSpec({ requirements: { memoryBytes, diskBytes, platform: { os: '', arch, libc: '' } }, runs: { readyTimeout: durationFromMs(200) } });
  t.match((await refused(t, host, asking(0n, 0n, 'sparc'))).lastError, { code: 'WO_PLATFORM_MISMATCH', message: /built for sparc, and this host is/ });
  const short = await refused(t, host, asking(1n << 50n, 0n));
  t.match(short.lastError, { code: 'WO_MEMORY_SHORT', details: { neededBytes: String(1n << 50n), availableBytes: /^\d+$/ } });
  t.ok(host.statuses.some(({ nodeId, waiting }) => nodeId === short.nodeId && waiting?.nextTryAt), 'it was waited for first');
  const limits = { openFiles: 1n << 40n, processes: 0n, nice: 0, runAs: '', memoryBytes: 0n };
  t.match((await refused(t, host, nodeSpec({ limits }))).lastError, { code: 'WO_LIMIT_REFUSED', message: /1099511627776 open files/ });
  t.match((await refused(t, host, nodeSpec({ limits: { ...limits, openFiles: 0n, runAs: 'wombat-nobody-has' } }))).lastError, { code: 'WO_USER_UNKNOWN', hint: /useradd/ });

  t.match((await refused(t, host, asking(0n, 1n << 52n))).lastError, { code: 'WO_DISK_TOO_SMALL', details: { neededBytes: String(1n << 52n), totalBytes: /^\d+$/ } }, 'what can never fit is not waited for');

  const nodeId = newId('node');
  const { blocks, bsize } = statfsSync(host.directory);
  const wholeDisk = BigInt(blocks) * BigInt(bsize);
  await host.assign(assignment(nodeId, { spec: asking(0n, wholeDisk) }));
  const waiting = await host.reaches(nodeId, NodePhase.PENDING, (status) => status.waiting !== undefined);
  t.match(waiting.lastError, { code: 'WO_DISK_FULL', details: { neededBytes: String(wholeDisk), freeBytes: /^\d+$/ } }, 'a full disk is waited for');
  await host.assign(assignment(nodeId, { generation: 2n, desired: DesiredState.ABSENT, spec: undefined }));
  await host.reaches(nodeId, NodePhase.ABSENT);
});

t.test('a port that is taken is waited for', async (t) => {
  const host = await hostWith(t);
  const { server, port } = await listening(t);
  const nodeId = newId('node');
  const spec = nodeSpec({ address: '127.0.0.1', ports: [{ name: 'http', number: port, protocol: 'tcp' }] });
  await host.assign(assignment(nodeId, { spec }));
  const waiting = await host.reaches(nodeId, NodePhase.PENDING, (status) => status.waiting?.nextTryAt !== undefined);
  t.equal(waiting.lastError?.code, 'WO_PORT_IN_USE');
  t.match(waiting.waiting?.reason, `port ${port} (http)`);
  server.close();
  const ready = await host.reaches(nodeId, NodePhase.READY);
  t.equal(ready.restarts, 0, 'no try was counted');
});

t.test('a node that runs is not stopped for what cannot run here', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  const { server, port } = await listening(t);
  server.close();
  const spec = nodeSpec({ address: '127.0.0.1', ports: [{ name: 'http', number: port, protocol: 'tcp' }] });
  await host.assign(assignment(nodeId, { spec }));
  const before = await host.reaches(nodeId, NodePhase.READY);
  const stays = (status: NodeStatus, message: string): void => {
    t.match(status, { pid: before.pid, startId: before.startId }, message);
    t.equal(processesOf(host.hostId).length, 2, 'the node and its shim');
  };

  await t.test('for good', async (t) => {
    bringMachine(host, (elf) => replaceNeeded(elf, 'libm.so.0'));
    await host.assign(assignment(nodeId, { generation: 2n, spec: { ...spec, files: renderedAnew } }));
    const failed = await host.reaches(nodeId, NodePhase.FAILED);
    t.match(failed, { generation: 2n, lastError: { code: 'WO_LIBRARY_MISSING' } });
    stays(failed, 'that of the first generation runs on');
    t.equal(host.releases.made.length, 1, 'its root is as it was');
    await host.restart();
    const adopted = await host.reaches(nodeId, NodePhase.FAILED, ({ generation }) => generation === 2n);
    stays(adopted, 'the next agent lets it run, too');
    await host.exec([nodeId], { $case: 'command', value: { argv: ['sh', '-c', 'pwd'], environment: {}, settings: undefined } });
    t.match(Buffer.from((await host.outcome(nodeId)).stdout?.head ?? []).toString(), join(nodeId, 'root'), 'commands reach it');
  });

  await t.test('while it waits', async () => {
    copyFileSync(program, join(host.tree, 'erts-13.1.5', 'bin', 'beam.smp'));
    const requirements = { memoryBytes: 1n << 50n, diskBytes: 0n, platform: undefined };
    await host.assign(assignment(nodeId, { generation: 3n, spec: { ...spec, requirements } }));
    const waiting = await host.reaches(nodeId, NodePhase.PENDING, (status) => status.waiting !== undefined);
    t.match(waiting, { generation: 3n, lastError: { code: 'WO_MEMORY_SHORT' } });
    stays(waiting, 'it runs while the next one waits');
  });

  await t.test('and the way back is free', async (t) => {
    await host.assign(assignment(nodeId, { generation: 4n, spec }));
    stays(await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 4n), 'it never ended');
    await host.assign(assignment(nodeId, { generation: 5n, spec: { ...spec, files: renderedAnew } }));
    const next = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 5n);
    t.not(next.pid, before.pid, 'what can run here takes its place, on the same port');
    t.equal(readFileSync(join(host.agentDirectory, 'nodes', nodeId, 'root', 'etc', 'x'), 'utf8'), '2');
  });
});

t.test('a node that ends while what is wanted cannot run is not started again, and the reason stays', async (t) => {
  const host = await hostWith(t);
  const nodeId = newId('node');
  await host.assign(assignment(nodeId));
  const before = await host.reaches(nodeId, NodePhase.READY);
  const requirements = { memoryBytes: 0n, diskBytes: 0n, platform: { os: '', arch: 'sparc', libc: '' } };
  await host.assign(assignment(nodeId, { generation: 2n, spec: nodeSpec({ requirements }) }));
  await host.reaches(nodeId, NodePhase.FAILED);
  kill(before.pid);
  const ended = await host.reaches(nodeId, NodePhase.FAILED, ({ pid }) => pid === 0n);
  t.equal(ended.lastError?.code, 'WO_PLATFORM_MISMATCH');
  t.strictSame(readdirSync(join(host.agentDirectory, 'nodes', nodeId)).sort(), ['data', 'home', 'logs', 'root', 'run']);
});
