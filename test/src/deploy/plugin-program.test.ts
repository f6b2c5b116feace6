import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { describeProcess } from '../support/processes.js';
import { until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

const program = fileURLToPath(import.meta.resolve('@wombat/provider-local')).replace(/index\.js$/, 'program.js');

const skip = process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs';

t.test('the driver local as a program of its own: register, deploy, lose the program, remove', { skip }, async (t) => {
  const workshop = await Workshop.closed(t);
  // The last word does nothing: by it the process is known as one of this workshop.
  mkdirSync(workshop.coordinator.directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(workshop.coordinator.directory, 'wombat.toml'), `plugins = [{ name = "local", command = ["${process.execPath}", "${program}", "${workshop.directory}"] }]\n`);
  await workshop.coordinator.start();
  const shown = JSON.parse(await workshop.ok('plugin', 'list', '-o', 'json')) as { plugins: { source: string; description: { name: string } }[] };
  t.strictSame(shown.plugins.filter(({ description }) => description.name === 'local').map(({ source }) => source), [process.execPath], 'it has taken the place of the one within');

  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  await workshop.untilRunning(2);
  const programs = () => workshop.processes().filter(({ argv }) => argv.includes(program));
  t.equal(programs().length, 1, 'one process for the provider');
  const before = programs()[0]!.pid;
  const agents = workshop.agents().map(({ pid }) => pid);
  process.kill(before, 'SIGKILL');
  await until('another process of the plugin runs', () => programs().some(({ pid }) => pid !== before));
  expectExit(t, await workshop.wo('provider', 'verify', 'laptop'), 0);
  t.strictSame(workshop.agents().map(({ pid }) => pid), agents, 'the agents have not noticed');

  for (const node of await workshop.fleet.nodes()) await workshop.ok('node', 'remove', node.metadata!.id, '--delete-data', '--yes');
  for (const host of await workshop.fleet.hosts()) await workshop.ok('host', 'remove', host.metadata!.id, '--yes');
  t.strictSame(workshop.hostDirectories(), [], 'nothing is left of the hosts');
  t.strictSame(workshop.agents().map(describeProcess), [], 'the agents have ended');
  await workshop.coordinator.end('SIGTERM');
  await until('the program has ended with the coordinator', () => programs().length === 0);
});
