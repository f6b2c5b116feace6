import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { HostPhase } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { startAgentByHand } from '../support/hand-started-agent.js';
import { startRelay, type Relay } from '../support/relay.js';
import { sessionsOpened } from '../support/sessions-opened.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

/** What a host is sent besides commands is shorter. */
const frameBytes = 600;
const script = `echo once >>../runs; echo done # ${'x'.repeat(frameBytes)}`;

interface Wire {
  readonly workshop: Workshop;
  readonly between: Relay;
  /** How often commands were run. */
  runs(): number;
  /** Called with the next frame on the wire that carries a command; what it answers is sent instead. */
  onCommand: ((near: Socket, bytes: Buffer) => Buffer | void) | undefined;
}

/** An agent behind somebody who sees all that it is sent, and may send it anything. */
async function openWire(t: Test): Promise<Wire> {
  const workshop = await Workshop.open(t);
  const { agents } = await workshop.coordinator.connect();
  const between = await startRelay(t, agents, (near, _, bytes) => {
    if (!wire.onCommand || bytes.length < frameBytes) return;
    const act = wire.onCommand;
    wire.onCommand = undefined;
    return act(near, bytes);
  });
  const file = join(workshop.directory, 'machine', 'runs');
  const runs = (): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
  const wire: Wire = { workshop, between, runs, onCommand: undefined };
  await startAgentByHand(workshop, 'machine', between.address, await workshop.ok('token', 'create', 'machine'));
  await until('the host is up', async () => {
    const [host] = await workshop.fleet.hosts();
    return host?.phase === HostPhase.UP || notYet(host?.phase);
  });
  return wire;
}

/** One session was broken, and another one is there. */
async function untilBack({ workshop }: Wire, before: number): Promise<void> {
  await until('the agent has a new session', () => sessionsOpened(workshop) > before || notYet(before));
}

t.test('F18: what was captured on the way to an agent runs nothing when it is sent again, twice or in another order', async (t) => {
  const wire = await openWire(t);
  const { workshop, between } = wire;
  const run = (): Promise<string> => workshop.ok('exec', 'machine', '--', 'sh', '-c', script);
  const captured: Buffer[] = [];
  let open: Socket | undefined;

  wire.onCommand = (near, bytes) => {
    open = near;
    captured.push(bytes);
  };
  t.match(await run(), /done/, 'a command goes through');
  t.equal(wire.runs(), 1, 'the command has run');
  let sessions = sessionsOpened(workshop);
  open!.write(captured[0]!);
  await untilBack(wire, sessions);
  t.match(await run(), /done/, 'the agent goes on with a new session');
  t.equal(wire.runs(), 2, 'what was sent again in the same session has run nothing');

  for (const [how, change] of [
    ['twice', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
    ['in another order', (bytes: Buffer) => Buffer.concat([bytes.subarray(bytes.length / 2), bytes.subarray(0, bytes.length / 2)])],
    ['behind one of an earlier session', (bytes: Buffer) => Buffer.concat([captured[0]!, bytes])],
  ] as const) {
    const before = wire.runs();
    sessions = sessionsOpened(workshop);
    wire.onCommand = (_, bytes) => change(bytes);
    t.match(await run(), /done/, `a command that was sent ${how} has its outcome`);
    await untilBack(wire, sessions);
    t.equal(wire.runs(), before + 1, `it was sent ${how}, and has run once`);
  }

  const before = wire.runs();
  rmSync(join(workshop.directory, 'machine', 'runs'));
  for (let time = 0; time < 3; time += 1) {
    sessions = sessionsOpened(workshop);
    between.cut();
    await untilBack(wire, sessions);
  }
  t.match(await run(), /done/, 'the next command goes through');
  t.equal(wire.runs(), 1, `of the ${before} commands before, none has run again over three more sessions`);
});
