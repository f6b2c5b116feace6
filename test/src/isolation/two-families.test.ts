import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '@wombat/proto/control';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { CookieWatch } from '../support/cookie-watch.js';
import { prepareMesh } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { Workshop } from '../support/workshop.js';

t.test('two families on the same hosts do not see each other, and no cookie is in a command line', { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  const watch = CookieWatch.start(t, () => workshop.nodeDirectories());
  const red = await prepareMesh(workshop, { name: 'Red', nodesPerHost: 1 });
  const blue = await prepareMesh(workshop, { name: 'Blue', nodesPerHost: 1 });
  const [first, second] = [await workshop.ok('deploy-nodes', red.family, '--amount', '2'), await workshop.ok('deploy-nodes', blue.family, '--amount', '2')];
  t.match([first, second], [/^op-/, /^op-/]);
  const nodes = await workshop.untilRunning(4);
  t.equal(new Set(nodes.map(({ hostId }) => hostId)).size, 2, 'all are on the same two hosts');
  const reds = nodes.filter(({ familyId }) => familyId === red.family);
  const blues = nodes.filter(({ familyId }) => familyId === blue.family);

  t.equal(new Set(reds.map((node) => cookieOf(workshop, node))).size, 1, 'a family has one cookie');
  t.not(cookieOf(workshop, reds[0]!), cookieOf(workshop, blues[0]!), 'another family has another one');
  for (const [own, others] of [[reds, blues], [blues, reds]] as const) {
    const seen = await workshop.ok('exec', idOf(own[0]), '--erlang', 'nodes().');
    t.match(seen, own[1]!.erlangName, `${nameOf(own[0]!)} sees its family`);
    for (const other of others) {
      t.notMatch(seen, other.erlangName, `${nameOf(own[0]!)} does not see ${nameOf(other)}`);
      const answer = await workshop.ok('exec', idOf(own[0]), '--erlang', `net_kernel:connect_node('${other.erlangName}').`);
      t.match(answer, /false/, `${nameOf(own[0]!)} cannot connect to ${nameOf(other)}`);
    }
  }
  await workshop.ok('exec', red.family, '--', 'true');
  await workshop.ok('node', 'restart', nameOf(reds[0]!));
  await workshop.ok('node', 'stop', blue.family);
  await watch.check();
});

function cookieOf(workshop: Workshop, node: Node): string {
  const directory = workshop.nodeDirectories().find((path) => path.endsWith(idOf(node))) ?? '';
  return readFileSync(join(directory, 'home', '.erlang.cookie'), 'utf8');
}
