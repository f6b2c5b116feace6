import { join } from 'node:path';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { packOtpRelease } from '../support/releases.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

/** As a Phoenix release does: without its key it says so and ends. */
const server = {
  name: 'server',
  lines: [
    'if [ -z "$SECRET_KEY_BASE" ]; then',
    '  echo "ERROR! Config provider Config.Reader failed with: environment variable SECRET_KEY_BASE is missing." >&2',
    '  exit 1',
    'fi',
    'exec "${0%/*}/wombat_sample" foreground',
  ],
};

t.test('a release that does not start without its secret', { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  await workshop.ok('register-provider', 'laptop', 'local');
  await workshop.ok('upload-release', 'shop', await packOtpRelease(join(workshop.directory, 'shop.tar.gz'), [server]), 'bin/server', '', 'shop');
  const family = await workshop.ok('create-family', 'Shop', '--env', 'PHX_SERVER=true', '--restart-tries', '0');
  await workshop.ok('attach-release', family, 'shop');
  await workshop.ok('add-domain', family, 'laptop', 'local', 'host');

  const failed = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, 'it is missing');
  t.match(failed.stderr, /error WO_NODE_EXITED/);
  t.match(failed.stderr, /environment variable SECRET_KEY_BASE is missing/, 'the release says itself what it misses');

  const told = await workshop.wo('family', 'env', family, '--secret', 'SECRET_KEY_BASE=file:/proc/sys/kernel/random/uuid');
  expectExit(t, told, 0);
  t.match(told.stderr, /1 node has an earlier one until it is updated: wo family update/, 'what to do is told');
  t.match(await workshop.ok('family', 'env', family), /SECRET_KEY_BASE +\(secret\)/, 'it is listed without its value');
  expectExit(t, await workshop.wo('node', 'restart', family), 0, 'now it starts');
  await workshop.untilRunning(1);
  t.match(await workshop.ok('exec', family, '--', 'sh', '-c', 'printf %s "$SECRET_KEY_BASE" | wc -c'), /\b36$/, 'with the key in its environment');
});
