import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf, phaseOf } from '../support/fleet-view.js';
import type { WoResult } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('nodes that fail', async (t) => {
  const workshop = await Workshop.open(t);
  const nodesOf = async (family: string) => (await workshop.fleet.nodes()).filter((node) => nameOf(node).startsWith(family));

  await t.test('a release that dies at once: the reason, its last lines and the next command', async (t) => {
    const dying = { name: 'start', lines: ['echo "reading the configuration"', 'echo "port 8096 is taken" >&2', 'exit 7'] };
    const { family } = await prepareSleepers(workshop, { name: 'dying', scripts: [dying], flags: ['--restart-tries', '1', '--restart-delay', '50ms'] });
    const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, 'all of it failed');
    t.match(result.stderr, /error WO_NODE_EXITED/);
    t.match(result.stderr, /\b7\b/, 'the exit code is told');
    t.match(result.stderr, /port 8096 is taken/, 'and what the node wrote last');
    t.match(result.stderr, /wo node logs dying-1/, 'and where there is more of it');
    t.match(result.stdout, /^op-[a-z2-7]{12}\n$/, 'the id of the operation is printed all the same');
    const [node] = await nodesOf('dying');
    t.equal(node && phaseOf(node), 'failed');
    const status = await workshop.wo('status', family);
    t.match(status.stdout + status.stderr, /WO_NODE_EXITED|exited|ended/, 'the status says why');
    t.match(await workshop.ok('node', 'logs', 'dying-1', '--stderr'), /port 8096 is taken/);
    expectReplay(t, await workshop.wo('operation', 'watch', result.stdout.trim()));
  });

  await t.test('of three nodes one fails: exit 3, and the others run', async (t) => {
    const start = { name: 'start', lines: ['case "$WOMBAT_NODE_NAME" in *-2|*-2@*) echo "number two gives up"; exit 1;; esac', 'exec sleep 1000000'] };
    const { family } = await prepareSleepers(workshop, { name: 'three', scripts: [start], nodesPerHost: 3, flags: ['--restart-tries', '0'] });
    const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '3'), 3, 'some failed');
    t.match(result.stderr, /number two gives up/);
    t.strictSame((await nodesOf('three')).map(phaseOf).sort(), ['failed', 'running', 'running']);
  });
});

/** A finished operation is told again, and ends as it ended. */
function expectReplay(t: Parameters<typeof expectExit>[0], replay: WoResult): void {
  expectExit(t, replay, 1, 'as the operation did');
  t.match(replay.stdout + replay.stderr, /dying-1 pending[^]*dying-1 failed/, 'what happened is told again');
  t.match(replay.stderr, /error WO_NODE_EXITED/);
}
