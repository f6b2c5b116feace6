import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NodePhase } from '@wombat/proto/control';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { idOf, nameOf, phaseOf } from '../support/fleet-view.js';
import { describeProcess, isAgent } from '../support/processes.js';
import { Workshop } from '../support/workshop.js';

/** Has data, and a child that must not survive it. */
const start = { name: 'start', lines: ['echo start >>"$WOMBAT_DATA_DIR/starts"', 'sleep 1000000 &', 'exec sleep 1000000'] };

t.test('stop, start, restart, remove: phases, processes and directories', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop, { scripts: [start], nodesPerHost: 3 });
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const [first, second, third] = (await workshop.untilRunning(3)).sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const ids = [idOf(first), idOf(second), idOf(third)] as const;
  const directoryOf = (id: string): string => join(workshop.hostDirectories()[0] ?? '', 'nodes', id);

  expectExit(t, await workshop.wo('node', 'stop', nameOf(first!)), 0);
  const stopped = await workshop.fleet.node(ids[0]);
  t.equal(phaseOf(stopped), 'stopped', 'a stopped node is stopped');
  t.strictSame(workshop.processesOfNode(ids[0]).map(describeProcess), [], 'nothing of it runs, its children neither');
  t.equal((await workshop.fleet.node(ids[1])).pid, second!.pid, 'another node is left alone');

  expectExit(t, await workshop.wo('node', 'start', nameOf(first!)), 0);
  const started = await workshop.fleet.node(ids[0]);
  t.equal(phaseOf(started), 'running', 'a started node runs');
  t.equal(readFileSync(join(directoryOf(ids[0]), 'data', 'starts'), 'utf8'), 'start\nstart\n', 'its data was still there');

  expectExit(t, await workshop.wo('node', 'restart', nameOf(second!)), 0);
  const restarted = await workshop.fleet.node(ids[1]);
  t.equal(phaseOf(restarted), 'running', 'a restarted node runs');
  t.not(restarted.pid, second!.pid, 'as another process');
  t.equal(workshop.processesOfNode(ids[1]).filter(({ argv }) => argv[0] === 'sleep').length, 2, 'it and its child run once');

  const unsaid = expectExit(t, await workshop.wo('node', 'remove', nameOf(third!)), 2, 'there is no terminal to ask on');
  t.match(unsaid.stderr, /WO_CONFIRMATION_NEEDED/);
  const noPolicy = expectExit(t, await workshop.wo('node', 'remove', nameOf(third!), '--yes'), 2, 'it has data, and nothing is said of it');
  t.match(noPolicy.stderr, /--keep-data/, 'the flags that would help are named');
  const dataBytes = statSync(join(directoryOf(ids[2]), 'data', 'starts')).size;
  t.match(noPolicy.stderr, `there is data of ${nameOf(third!)} (${dataBytes} B)`, 'and how much it has');
  t.equal((await workshop.fleet.node(ids[2])).pid, third!.pid, 'what was refused has no effect');

  expectExit(t, await workshop.wo('node', 'remove', nameOf(third!), '--keep-data', '--yes'), 0);
  t.strictSame(workshop.processesOfNode(ids[2]).map(describeProcess), [], 'nothing of a removed node runs');
  t.ok(existsSync(join(directoryOf(ids[2]), 'data', 'starts')), 'its data is kept');
  t.notOk(existsSync(join(directoryOf(ids[2]), 'root')), 'the rest of it is not');

  expectExit(t, await workshop.wo('host', 'remove', first!.hostId, '--yes'), 2, 'nodes are on it');
  expectExit(t, await workshop.wo('node', 'remove', family, '--delete-data', '--yes'), 0);
  const left = await workshop.fleet.nodes();
  t.strictSame(left.filter(({ phase }) => phase !== NodePhase.GONE).map(nameOf), [], 'no node is left');
  t.strictSame([ids[0], ids[1]].filter((id) => existsSync(directoryOf(id))), [], 'nor a directory of those whose data was to be deleted');

  expectExit(t, await workshop.wo('host', 'remove', first!.hostId, '--yes'), 0);
  t.strictSame(await workshop.fleet.hosts(), [], 'no host is left');
  t.strictSame(workshop.hostDirectories(), [], 'nor a directory of one');
  const programs = workshop.processes().filter(({ pid }) => pid !== workshop.coordinator.pid);
  t.strictSame(programs.map(describeProcess), [], 'nothing runs but the coordinator', { agents: programs.filter(isAgent).length });
  expectExit(t, await workshop.wo('family', 'remove', family, '--yes'), 0);

  t.equal(await workshop.coordinator.end('SIGTERM'), 0, 'the coordinator ends when it is told to');
});
