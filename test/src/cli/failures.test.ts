import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf, phaseOf } from '../support/fleet-view.js';
import { packScripts, sleeper } from '../support/releases.js';
import type { WoResult } from '../support/wo.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

t.test('what fails is told with its reason', async (t) => {
  const workshop = await Workshop.open(t);
  const nodesOf = async (family: string) => (await workshop.fleet.nodes()).filter((node) => nameOf(node).startsWith(family));

  await t.test('what cannot work is refused with its reason', async (t) => {
    const tarball = await packScripts(join(workshop.directory, 'plain.tar.gz'), [sleeper]);
    const { family } = await prepareSleepers(workshop);
    const cases: readonly [code: string, exit: number, words: readonly string[], says: RegExp][] = [
      ['WO_DRIVER_UNKNOWN', 2, ['register-provider', 'other', 'locl'], /locl/],
      ['WO_CREDENTIALS_UNEXPECTED', 2, ['register-provider', 'other', 'AKIA', 'local'], /local/],
      ['WO_SETTINGS_INVALID', 2, ['register-provider', 'other', 'local', '--set', 'subnt=127.7.7'], /subnt.*did you mean subnet/],
      ['WO_SETTINGS_INVALID', 2, ['register-provider', 'other', 'local', '--set', 'subnet=10.0.0'], /subnet/],
      ['WO_NAME_TAKEN', 8, ['register-provider', 'laptop', 'local'], /laptop/],
      ['WO_TEMPLATE_MISSING', 2, ['upload-release', 'plain', tarball, 'bin/start', '', '', '-t', 'etc/vm.arg'], /etc\/vm\.arg/],
      ['WO_MANIFEST_INVALID', 2, ['upload-release', 'plain', tarball], /start/],
      ['WO_MANIFEST_INVALID', 2, ['upload-release', 'plain', tarball, 'bin/strat'], /bin\/strat/],
      ['WO_ARCHIVE_INVALID', 2, ['upload-release', 'plain', join(workshop.directory, 'config.toml'), 'bin/start'], /tar/],
      ['WO_STRATEGY_UNKNOWN', 2, ['create-family', 'other', '--clust', 'erlang-mash'], /erlang-mash/],
      ['WO_SELECTOR_UNKNOWN', 2, ['create-family', 'other', '--sel', 'best'], /best/],
      ['WO_NOT_FOUND', 5, ['deploy-nodes', 'nobody', '--amount', '1'], /nobody/],
      ['WO_NOT_FOUND', 5, ['status', 'fam-aaaaaaaaaaaa'], /fam-aaaaaaaaaaaa/],
      ['WO_INVALID_ARGUMENT', 2, ['deploy-nodes', family], /--amount/],
      ['WO_INVALID_ARGUMENT', 2, ['deploi-nodes', family], /deploy-nodes/],
    ];
    for (const [code, exit, words, says] of cases) {
      const result = expectExit(t, await workshop.wo(...words), exit, code);
      t.match(result.stderr, `error ${code}:`, `wo ${words[0]} tells ${code}`);
      t.match(result.stderr, says, 'and names what is wrong');
      t.match(result.stderr, /\n {2}(try|usage):/, 'and what to do');
      t.equal(result.stdout, '', 'data goes to stdout, and there is none');
    }
    t.strictSame(await workshop.fleet.operations(), [], 'nothing was started');
    t.equal(await workshop.ok('provider', 'list', '-o', 'name'), 'laptop', 'and nothing was stored');
  });

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

  await t.test('a release that never becomes ready is given up after the time of its manifest', async (t) => {
    const manifest = join(workshop.directory, 'manifest.yaml');
    await writeFile(manifest, 'apiVersion: wombat/v1\nready: {command: bin/ready, timeout: 1s}\n');
    const scripts = [sleeper, { name: 'ready', lines: ['echo "waiting for the database"', 'exit 1'] }];
    const { family } = await prepareSleepers(workshop, { name: 'unready', scripts, upload: ['--manifest', manifest], flags: ['--restart-tries', '0'] });
    const before = performance.now();
    const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1);
    t.ok(performance.now() - before < 45_000, 'not the minute that is usual');
    t.match(result.stderr, /error WO_NODE_NOT_READY/);
    t.match(result.stderr, /waiting for the database/, 'what the check said last is told');
    const [node] = await nodesOf('unready');
    t.equal(node && phaseOf(node), 'failed');
    t.strictSame(workshop.processes().filter(({ argv }) => argv[0] === 'sleep'), [], 'it does not run on unseen');
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
