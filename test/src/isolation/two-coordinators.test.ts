import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { prepareMesh } from '../support/families.js';
import { idOf } from '../support/fleet-view.js';
import { describeProcess, isEpmd } from '../support/processes.js';
import { Workshop } from '../support/workshop.js';

t.test('two wo dev on one machine do not see each other, and each takes all of its own with it', { skip: withoutErlang() }, async (t) => {
  const [one, two] = await Promise.all([Workshop.dev(t), Workshop.dev(t)]);
  // The same names everywhere: what could meet would meet.
  await Promise.all([one, two].map(async ({ workshop }) => {
    const { family } = await prepareMesh(workshop, { name: 'Twins' });
    await workshop.ok('deploy-nodes', family, '--amount', '2');
  }));
  const [nodes, others] = await Promise.all([one.workshop.untilRunning(2), two.workshop.untilRunning(2)]);
  t.not(subnetOf(nodes[0]!.address), subnetOf(others[0]!.address), 'hosts of each have addresses of their own');
  t.not(epmdPortOf(one.workshop), epmdPortOf(two.workshop), 'each has an epmd port of its own');
  t.strictSame([one, two].map(({ workshop }) => workshop.processes().filter(isEpmd).length), [1, 1], 'each has one epmd');

  const hosts = (await one.workshop.fleet.hosts()).map(idOf).sort();
  const agents = one.workshop.agents().map(({ environment }) => environment['WOMBAT_HOST_ID']).sort();
  t.strictSame(hosts, agents, 'the hosts of one are its agents and no others');
  const seen = await one.workshop.ok('exec', 'Twins', '--erlang', 'nodes().');
  for (const { erlangName } of others) {
    t.notMatch(seen, erlangName, 'nodes of the other are not seen');
    const answer = await one.workshop.ok('exec', idOf(nodes[0]), '--erlang', `net_kernel:connect_node('${erlangName}').`);
    t.match(answer, /false/, 'nor can they be connected');
  }

  one.dev.kill('SIGINT');
  const ended = await one.dev.ended;
  t.equal(ended.code, 0, 'Ctrl-C ends wo dev', { stderr: ended.stderr });
  t.strictSame(one.workshop.processes().map(describeProcess), [], 'nothing of it runs on');
  t.strictSame(one.workshop.hostDirectories(), [], 'and no directory of a host is left');
  t.strictSame((await two.workshop.untilRunning(2)).map(({ pid }) => pid), others.map(({ pid }) => pid), 'the other does not notice');
});

function subnetOf(address: string): string {
  return address.split('.').slice(0, 3).join('.');
}

function epmdPortOf(workshop: Workshop): number {
  const [host = ''] = workshop.hostDirectories();
  return (JSON.parse(readFileSync(join(host, '../../state.json'), 'utf8')) as { epmdPort: number }).epmdPort;
}
