import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostPhase } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf, tellHost, tellNode } from '../support/fleet-view.js';
import { openParted, type Loss, type Network } from '../support/network.js';
import { signalProcess } from '../support/processes.js';
import { notYet, until } from '../support/until.js';
import type { Workshop } from '../support/workshop.js';

/** `scripts/test --full` has more hosts, waits as long as the default settings do, and parts the network in all ways. */
const full = Boolean(process.env['WOMBAT_TEST_FULL']);
const [hosts, silentAfterMs, lostAfterMs, startGraceMs] = full ? [20, 12_000, 30_000, 60_000] : [2, 2_000, 60_000, 60_000];
/** Beyond what is promised: two cores may be shared with others. */
const slackMs = 20_000;
t.setTimeout(900_000);

const settings = { 'hosts-silent-after-ms': String(silentAfterMs), 'hosts-lost-after-ms': String(lostAfterMs), 'hosts-start-grace-ms': String(startGraceMs) };

t.test('agents and a coordinator that do not hear each other', async (t) => {
  const { workshop, network } = await openParted(t, { settings });
  const { family } = await prepareSleepers(workshop, { nodesPerHost: 1, flags: ['--replace', 'never'] });
  await workshop.ok('deploy-nodes', family, '--amount', String(hosts));
  const nodes = await workshop.untilRunning(hosts, { withinMs: 120_000 });
  const ids = nodes.map(({ hostId }) => hostId);
  const pids = new Map(nodes.map((node) => [idOf(node), String(node.pid)]));

  await t.test('an agent that hangs costs the coordinator nothing', async (t) => {
    const open = (): number => readdirSync(`/proc/${workshop.coordinator.pid}/fd`).length;
    const [agent] = workshop.agents(ids[0]);
    const before = open();
    signalProcess(agent!, 'SIGSTOP');
    try {
      await untilSilent(workshop, ids.slice(0, 1));
      await until('its connection is closed', () => open() < before || notYet({ before, now: open() }), { withinMs: 10_000 });
    } finally {
      signalProcess(agent!, 'SIGCONT');
    }
    await heal(t, workshop, network, hosts);
    await until('as many files are open as before', () => open() <= before || notYet({ before, now: open() }), { withinMs: 10_000 });
  });

  await t.test('a coordinator that stands still calls nobody silent for it', async (t) => {
    const told = (await silences(workshop)).length;
    process.kill(workshop.coordinator.pid, 'SIGSTOP');
    await sleep(5_000);
    process.kill(workshop.coordinator.pid, 'SIGCONT');
    // Whoever would be called silent for it would be by now.
    await sleep(4_000);
    t.equal((await silences(workshop)).length, told, 'nobody is');
    t.ok((await workshop.fleet.hosts()).every(({ phase }) => phase === HostPhase.UP));
  });

  if (full) {
    const part = async (t: Test, loss: Loss, parted: readonly string[]): Promise<void> => {
      const from = Date.now();
      network.lose(loss, parted);
      await untilSilent(workshop, parted);
      t.comment(`${parted.length} silent hosts were known after ${Date.now() - from} ms`);
      const others = (await workshop.fleet.hosts()).filter((host) => !parted.includes(idOf(host)));
      t.ok(others.every(({ phase }) => phase === HostPhase.UP), 'no other host is', { others: others.map(tellHost) });
      await heal(t, workshop, network, hosts);
    };
    await t.test('one of them', (t) => part(t, 'both', ids.slice(0, 1)));
    await t.test('half of them, whose words are lost', (t) => part(t, 'up', ids.slice(0, Math.ceil(hosts / 2))));
    await t.test('half of them, who hear nothing', (t) => part(t, 'down', ids.slice(0, Math.ceil(hosts / 2))));
    await t.test('all of them', (t) => part(t, 'both', ids));

    await t.test('agents come back to a coordinator that was away, and no alarm is raised', async (t) => {
      const told = (await silences(workshop)).length;
      await workshop.coordinator.kill();
      // By then they try every 8 s at the most.
      await sleep(60_000);
      await workshop.coordinator.start();
      const from = Date.now();
      await until('all agents are back', async () => {
        const found = await workshop.fleet.hosts();
        return found.every(({ sample }) => sample !== undefined) || notYet(found.map(tellHost));
      }, { withinMs: 60_000 });
      t.comment(`${hosts} agents were back with their samples after ${Date.now() - from} ms`);
      await sleep(Math.max(0, startGraceMs + 2_000 - (Date.now() - from)));
      t.equal((await silences(workshop)).length, told, 'nobody was called silent');
    });

    await t.test('when many fall silent at once nothing is replaced, and one event says so', async (t) => {
      // F10
      const [parted, before] = [ids.slice(0, 6), (await workshop.fleet.operations()).length];
      const heldBefore = (await workshop.fleet.events('healing.held')).length;
      await workshop.ok('family', 'policy', family, '--replace', '1s');
      network.lose('both', parted);
      await untilPhase(workshop, parted, HostPhase.LOST, silentAfterMs + lostAfterMs + slackMs);
      await until('each of them says why it is not replaced', async () => {
        const found = (await workshop.fleet.hosts()).filter(({ waiting }) => /too many hosts of laptop.* are silent/.test(waiting?.reason ?? ''));
        return found.length === parted.length || notYet((await workshop.fleet.hosts()).map(tellHost));
      });
      t.equal((await workshop.fleet.events('healing.held')).length, heldBefore + 1, 'one event');
      t.match((await workshop.wo('doctor')).stdout, /WARN.*healing.*too many hosts/, 'the doctor warns');
      await workshop.restartCoordinator();
      await sleep(startGraceMs + 2_000);
      await heal(t, workshop, network, hosts);
      await until('healing goes on', async () => (await workshop.fleet.events('healing.resumed')).length === heldBefore + 1 || notYet('it is held'));
      t.equal((await workshop.fleet.events('healing.held')).length, heldBefore + 1, 'there was no second event');
      t.equal((await workshop.fleet.operations()).length, before, 'nothing was replaced, also after a restart of the coordinator');
    });
  }

  const after = await workshop.fleet.nodes();
  t.strictSame(new Map(after.map((node) => [idOf(node), String(node.pid)])), pids, 'through all of it every node has run on with the same process', { nodes: after.map(tellNode) });
});

/** Waits until everything is as it was. */
async function heal(t: Test, workshop: Workshop, network: Network, amount: number): Promise<void> {
  const from = Date.now();
  network.heal();
  await until('all is as before', async () => {
    const [found, nodes] = [await workshop.fleet.hosts(), await workshop.fleet.nodes()];
    const isWell = found.length === amount && found.every(({ phase }) => phase === HostPhase.UP) && nodes.every((node) => tellNode(node).includes('running'));
    return isWell || notYet([...found.map(tellHost), ...nodes.map(tellNode)]);
  }, { withinMs: 10_000 + slackMs });
  t.comment(`all was as before after ${Date.now() - from} ms`);
}

function untilSilent(workshop: Workshop, hostIds: readonly string[]): Promise<void> {
  return untilPhase(workshop, hostIds, HostPhase.UNKNOWN, silentAfterMs + slackMs);
}

/** Who is lost was silent before. */
async function untilPhase(workshop: Workshop, hostIds: readonly string[], phase: HostPhase, withinMs: number): Promise<void> {
  await until(`${hostIds.length} hosts are ${HostPhase[phase]}`, async () => {
    const found = (await workshop.fleet.hosts()).filter((host) => hostIds.includes(idOf(host)));
    return found.every((host) => host.phase === phase || host.phase === HostPhase.LOST) || notYet(found.map(tellHost));
  }, { withinMs });
}

async function silences(workshop: Workshop): Promise<string[]> {
  return (await workshop.fleet.events('host.phase')).filter(({ reason }) => reason === 'unknown' || reason === 'lost').map(({ message }) => message);
}
