import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { prepareSleepers } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { packScripts } from '../support/releases.js';
import { takeStock } from '../support/stock.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(180_000);

/** Notes each of its starts in its data directory, and in its root, which is made anew. */
const noting = { name: 'start', lines: ['echo start >> "$1/starts"', 'echo start >> starts', 'exec sleep 1000000'] };

t.test('{{node.dataDir}} is the node\'s own, and outlives restarts of it and of the coordinator', async (t) => {
  const workshop = await Workshop.open(t);
  const { family, release } = await prepareSleepers(workshop, { scripts: [noting], start: 'bin/start {{node.dataDir}}' });
  t.match(JSON.parse(await workshop.ok('release', 'show', release, '-o', 'json')), { release: { manifest: { dataDirectory: true } } }, 'that it is used is found');
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  const [node, other] = await workshop.untilRunning(2);
  const starts = (of: string, where: string): number => {
    const directory = workshop.nodeDirectories().find((path) => path.endsWith(of))!;
    return readFileSync(join(directory, where, 'starts'), 'utf8').trim().split('\n').length;
  };
  t.equal(starts(idOf(node!), 'data'), 1, 'its first start is noted in its data directory');
  await workshop.ok('node', 'restart', nameOf(node!));
  await workshop.restartCoordinator();
  await workshop.ok('node', 'restart', nameOf(node!));
  t.equal(starts(idOf(node!), 'data'), 3, 'every start is there');
  t.equal(starts(idOf(other!), 'data'), 1, 'and none of its neighbour\'s');

  const rendered = await workshop.ok('node', 'render', nameOf(node!));
  t.match(rendered, '--- start\nbin/start {{path:data}}\n');
  t.match(rendered, `{{path:data}} nodes/${idOf(node!)}/data`, 'render tells where that is');
  t.ok(workshop.nodeDirectories().some((path) => path.endsWith(`nodes/${idOf(node!)}`)), 'and it is there');
});

t.test('dry runs of upload, family and domain leave nothing behind', async (t) => {
  const workshop = await Workshop.open(t);
  await workshop.ok('register-provider', 'laptop', 'local');
  const family = await workshop.ok('create-family', 'There');
  const tarball = await packScripts(join(workshop.directory, 'dry.tar.gz'), [noting]);
  const before = await takeStock(workshop);
  for (const words of [['upload-release', 'dry', tarball, 'bin/start'], ['create-family', 'Dry'], ['add-domain', family, 'laptop', 'local', 'host']]) {
    const ran = await workshop.wo(...words, '--dry-run');
    t.match(ran, { code: 0, stderr: /nothing was stored/ }, `${words[0]} says so`);
  }
  t.strictSame(await takeStock(workshop), before, 'no object, no event, no bytes, no process');
});
