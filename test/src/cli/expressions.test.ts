import t from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf } from '../support/fleet-view.js';
import { Workshop } from '../support/workshop.js';

t.test('commands go to the nodes and hosts that an expression means', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const nodes = await workshop.untilRunning(2);
  const [first, second] = nodes.map((node) => nameOf(node)).sort() as [string, string];

  t.equal(await workshop.ok('match', `family = ${family} and node.ordinal = 2`, '-o', 'name'), second);
  t.equal(await workshop.ok('exec', `family=${family} and node in (${second})`, '--', 'echo', 'here'), `${second} | here`);
  const hosts = (await workshop.ok('match', 'host.os = linux and has node', '--on', 'hosts', '-q')).split('\n');
  t.strictSame(hosts.sort(), [...new Set(nodes.map(({ hostId }) => hostId))].sort(), 'what agents have reported can be asked');
  await workshop.ok('exec', 'has node', '--on', 'hosts', '--', 'true');

  const nobody = expectExit(t, await workshop.wo('exec', `family = ${family} and zone = moon`, '--', 'true'), 5);
  t.match(nobody.stderr, /WO_NO_TARGETS[^]*zone = moon alone holds for none/);
  t.match(expectExit(t, await workshop.wo('exec', 'familly = a', '--', 'true'), 2).stderr, /WO_EXPRESSION_INVALID[^]*column 1[^]*did you mean family\?/);

  await workshop.ok('exec', first, '--', 'touch', 'marker');
  expectExit(t, await workshop.wo('exec', `family = ${family}`, '--', 'ls', 'marker'), 3);
  const [job] = (JSON.parse(await workshop.ok('job', 'list', '-o', 'json')) as { jobs: { metadata: { id: string }; expression: string }[] }).jobs;
  t.equal(job?.expression, `family = ${family}`);
  await workshop.ok('exec', second, '--', 'touch', 'marker');
  t.equal(await workshop.ok('job', 'rerun', job!.metadata.id, '--failed'), `${second} | marker`, 'only where it was missing');
});
