import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterHealth, type Node } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { packOtpRelease, type Script } from '../support/releases.js';

import { Workshop } from '../support/workshop.js';

/** Writes down how it was called, then joins as somebody's own script would. */
const bootstrap: Script = {
  name: 'bootstrap',
  lines: [
    'exec >"$WOMBAT_DATA_DIR/bootstrap.txt"',
    'echo "arguments=$*"',
    'echo "contacts=$WOMBAT_CONTACTS"',
    'echo "name=$WOMBAT_NODE_NAME"',
    'echo "family=$WOMBAT_FAMILY"',
    'echo "directory=$(pwd)"',
    'echo "cookie-mode=$(stat -c %a "$WOMBAT_COOKIE_FILE")"',
  ],
};

t.test("the original's seven commands, with driver local", { skip: withoutErlang() }, async (t) => {
  const workshop = await Workshop.open(t);
  const tarball = await packOtpRelease(join(workshop.directory, 'riak.tar.gz'), [bootstrap]);

  /** Runs a command as a script does; what it prints on stdout is the id and nothing else. */
  const creates = async (kind: string, ...words: readonly string[]): Promise<string> => {
    const result = await workshop.wo(...words);
    expectExit(t, result, 0);
    t.match(result.stdout, new RegExp(`^${kind}-[a-z2-7]{12}\n$`), `${words[0]} prints the id alone, for $(...)`);
    return result.stdout.trim();
  };
  const provider = await creates('prv', 'register-provider', 'My laptop', 'local');
  const release = await creates('rel', 'upload-release', 'Riak', tarball, 'bin/wombat_sample start', 'bin/wombat_sample stop', 'riak', '-t', 'releases/0.1.0/vm.args');
  const family = await creates('fam', 'create-family', 'Riak node family', '--sel', 'random', '--clust', 'custom', '--clust-opt', 'cmd:bin/bootstrap');
  const firewall = await workshop.wo('set-firewall', family, '--fw-rule', 'tcp:8096:8099');
  expectExit(t, firewall, 0);
  t.equal(firewall.stdout, '', 'set-firewall has no data to print');
  const attached = await workshop.wo('attach-release', family, release);
  expectExit(t, attached, 0);
  await creates('dom', 'add-domain', family, provider, 'local', 'host');
  const operation = await creates('op', 'deploy-nodes', family, '--amount', '3');

  const nodes = await workshop.untilRunning(3);
  t.strictSame(nodes.map(nameOf).sort(), ['riak-1', 'riak-2', 'riak-3'], 'NODENAME is the base of the names');
  t.equal(new Set(nodes.map(({ hostId }) => hostId)).size, 3, 'one node a host, unless said otherwise');
  t.equal(workshop.beams().length, 3, 'three BEAMs run');
  t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.NOT_CLUSTERED, 'Wombat does not know how a custom command clusters, and does not claim to');
  const shown = await workshop.ok('operation', 'show', operation);
  t.match(shown, /succeeded/, 'deploy-nodes printed the id of its operation');
  await checkCalls(t, workshop, nodes);
});

/** One node is the seed and got no contacts; whoever came later got some that were there before it. */
async function checkCalls(t: Test, workshop: Workshop, nodes: readonly Node[]): Promise<void> {
  const calls = await Promise.all(nodes.map(async (node) => ({ node, call: await callOf(workshop, node) })));
  const names = new Set(nodes.map(({ erlangName }) => erlangName));
  const seeds = calls.filter(({ call }) => call['arguments'] === '');
  t.equal(seeds.length, 1, 'one node is the seed', { calls: calls.map(({ call }) => call) });
  for (const { node, call } of calls) {
    const contacts = (call['arguments'] ?? '').split(' ').filter(Boolean);
    t.ok(contacts.every((contact) => names.has(contact) && contact !== node.erlangName), `contacts of ${nameOf(node)} are other nodes: ${contacts.join(' ')}`);
    t.equal(call['contacts'], contacts.join(','), 'WOMBAT_CONTACTS has the same, with commas');
    t.equal(call['name'], node.erlangName, 'WOMBAT_NODE_NAME');
    t.equal(call['family'], 'Riak node family', 'WOMBAT_FAMILY');
    t.match(call['directory'], new RegExp(`${idOf(node)}/root$`), 'it runs in the root of the node');
    t.equal(call['cookie-mode'], '400', 'the cookie file is for its owner to read');
  }
}

async function callOf(workshop: Workshop, node: Node): Promise<Record<string, string>> {
  const host = workshop.hostDirectories().find((directory) => directory.endsWith(node.hostId)) ?? '';
  const text = await readFile(join(host, 'nodes', idOf(node), 'data', 'bootstrap.txt'), 'utf8');
  return Object.fromEntries(text.trimEnd().split('\n').map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
