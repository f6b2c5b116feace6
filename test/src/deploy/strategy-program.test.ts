import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClusterHealth } from '@wombat/proto/control';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { prepareMesh } from '../support/families.js';
import { signalProcess } from '../support/processes.js';
import { until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const program = fileURLToPath(import.meta.resolve('@wombat/bootstrap-erlang-mesh')).replace(/index\.js$/, 'program.js');

const skip = withoutErlang() || (process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs');

t.test('erlang-mesh as a program of its own: the program is killed again and again, and the family still forms one cluster', { skip }, async (t) => {
  const workshop = await Workshop.closed(t);
  // The last word does nothing: by it the process is known as one of this workshop.
  mkdirSync(workshop.coordinator.directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(workshop.coordinator.directory, 'wombat.toml'), `plugins = [{ name = "erlang-mesh", command = ["${process.execPath}", "${program}", "${workshop.directory}"] }]\n`);
  await workshop.coordinator.start();
  const shown = JSON.parse(await workshop.ok('plugin', 'show', 'erlang-mesh', '-o', 'json')) as { source: string; description: { kind: string } };
  t.match(shown, { source: process.execPath, description: { kind: 'PLUGIN_KIND_BOOTSTRAP_STRATEGY' } }, 'it has taken the place of the one within');
  const refused = await workshop.wo('create-family', 'Wrong', '--clust', 'erlang-mesh', '--clust-opt', 'dedline:5');
  t.match(refused.stderr, /strategy erlang-mesh: dedline: .*did you mean deadline/, 'its options are judged by the program');

  const programs = () => workshop.processes().filter(({ argv }) => argv.includes(program));
  const { family } = await prepareMesh(workshop);
  t.equal(programs().length, 1, 'one process for the strategy');
  const killed = new Set<number>();
  const killing = setInterval(() => {
    for (const each of programs()) if (killed.size < 4 && !killed.has(each.pid)) {
      killed.add(each.pid);
      signalProcess(each, 'SIGKILL');
    }
  }, 200);
  try {
    await workshop.ok('deploy-nodes', family, '--amount', '3');
  } finally {
    clearInterval(killing);
  }
  t.ok(killed.size > 0, `the program was killed ${killed.size} times`);
  await workshop.untilRunning(3);
  t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.ONE);

  await until('another process of the program runs', () => programs().some(({ pid }) => !killed.has(pid)));
  await workshop.coordinator.kill();
  await until('the program has ended with the coordinator', () => programs().length === 0);
  await workshop.coordinator.start();
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  t.equal((await workshop.untilRunning(4)).length, 4, 'and is started again when it is needed');
  t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.ONE);
  await workshop.coordinator.end('SIGTERM');
  await until('the program has ended with the coordinator', () => programs().length === 0);
});
