import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../support/network.js';
import { packScripts } from '../support/releases.js';
import { prepareFamily } from '../support/families.js';
import { startRelay } from '../support/relay.js';
import { Workshop } from '../support/workshop.js';

t.setTimeout(300_000);

const sizeBytes = 24 * 1024 * 1024;
const pieceBytes = 5 * 1024 * 1024;
const cuts = 4;

t.test('a release whose way to the host is cut again and again comes whole, and its bytes once', async (t) => {
  const agents = `127.0.0.1:${await freePort()}`;
  let cutsLeft = cuts;
  const between = await startRelay(t, agents, (near, bytes) => {
    if (cutsLeft === 0 || bytes < pieceBytes) return;
    cutsLeft -= 1;
    near.destroy();
  });
  const workshop = await Workshop.open(t, { settings: { 'agents-address': agents, 'advertise-agents': between.address } });
  const payload = randomBytes(sizeBytes);
  const sha256 = createHash('sha256').update(payload).digest('hex');
  // The node itself says what it was given.
  const start = { name: 'start', lines: ['sha256sum data/payload', 'exec sleep 1000000'] };
  const tarball = await packScripts(join(workshop.directory, 'large.tar.gz'), [start], [{ path: 'data/payload', contents: payload }]);
  const family = await prepareFamily(workshop, await workshop.ok('upload-release', 'large', tarball, 'bin/start'), { name: 'Large' });
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const [node] = await workshop.untilRunning(1);
  t.equal(cutsLeft, 0, `the connection was cut ${cuts} times`);
  t.match(await workshop.ok('node', 'logs', node?.metadata?.name ?? ''), sha256, 'what the node has is what was uploaded');
  t.ok(between.answeredBytes() < sizeBytes * 1.25, `${between.answeredBytes()} bytes went to the host: each cut goes on where it was, and does not begin anew`);
});
