import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { phaseOf, tellNode } from '../support/fleet-view.js';
import { sleeper, type Script } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

// Two cores may be shared with others.
t.setTimeout(300_000);

interface Failing {
  readonly scripts: readonly Script[];
  readonly manifest?: string;
  readonly code: string;
  /** What is told at the terminal, the last lines of the node's log among it. */
  readonly says: readonly RegExp[];
}

/** One node of this release: the deploy ends as soon as it is known that it has failed, and nothing runs on. */
async function failsAtOnce(t: Test, { scripts, manifest, code, says }: Failing): Promise<void> {
  const workshop = await Workshop.open(t);
  const upload: string[] = [];
  if (manifest !== undefined) {
    const path = join(workshop.directory, 'manifest.yaml');
    await writeFile(path, `apiVersion: wombat/v1\n${manifest}\n`);
    upload.push('--manifest', path);
  }
  const { family } = await prepareSleepers(workshop, { scripts, upload, flags: ['--restart-tries', '1', '--restart-delay', '50ms'] });
  const before = performance.now();
  const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, code);
  t.ok(performance.now() - before < 30_000, 'nobody waits for a timeout');
  t.match(result.stderr, `error ${code}:`);
  for (const words of says) t.match(result.stderr, words, `it says ${String(words)}`);
  t.match(result.stderr, /\n {2}try: /, 'and what to do');
  const [node] = await workshop.fleet.nodes();
  t.equal(node && phaseOf(node), 'failed', node ? tellNode(node) : 'there is no node');
  t.equal(node?.lastError?.code, code, 'the node keeps the reason');
  t.strictSame(workshop.processesOfNode(node?.metadata?.id ?? ''), [], 'nothing of it runs on');
}

t.test('it dies at once', (t) => failsAtOnce(t, {
  scripts: [{ name: 'start', lines: ['echo "no database" >&2', 'exit 3'] }], code: 'WO_NODE_EXITED', says: [/\b3\b/, /no database/],
}));

t.test('it is killed by a signal', (t) => failsAtOnce(t, {
  scripts: [{ name: 'start', lines: ['echo "about to break"', 'kill -SEGV $$'] }], code: 'WO_NODE_EXITED', says: [/SIGSEGV|signal 11|139/, /about to break/],
}));

t.test('what its start command calls is not there', (t) => failsAtOnce(t, {
  scripts: [{ name: 'start', lines: ['exec /opt/nothing/here --now'] }], code: 'WO_NODE_EXITED', says: [/127/, /nothing\/here/],
}));

t.test('it never becomes ready', (t) => failsAtOnce(t, {
  scripts: [sleeper, { name: 'ready', lines: ['echo "still waiting for the leader"', 'exit 1'] }],
  manifest: 'ready: {command: bin/ready, timeout: 1s}', code: 'WO_NODE_NOT_READY', says: [/still waiting for the leader/],
}));

// It may become free by itself, and is waited for as long as the node may take to become ready.
t.test('a port that it needs is taken', async (t) => {
  const server = createServer().listen(0, '0.0.0.0');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  await failsAtOnce(t, { scripts: [sleeper], manifest: `ports: [{name: http, number: ${port}}]\nready: {aliveFor: 200ms, timeout: 2s}`, code: 'WO_PORT_IN_USE', says: [new RegExp(`port ${port} \\(http\\).* is taken`)] });
});

t.test('it runs, and dies after 20 s, again and again', async (t) => {
  const workshop = await Workshop.open(t);
  const dying = { name: 'start', lines: ['echo started', 'sleep 20', 'echo "the licence has run out"', 'exit 9'] };
  const { family } = await prepareSleepers(workshop, { scripts: [dying], flags: ['--restart-tries', '1', '--restart-delay', '50ms'] });
  const before = performance.now();
  const operation = await workshop.ok('deploy-nodes', family, '--amount', '1');
  t.ok(performance.now() - before < 18_000, 'the deploy is done when the node is ready');
  const failed = await until('the node has failed', async () => {
    const [node] = await workshop.fleet.nodes();
    return node && phaseOf(node) === 'failed' ? node : notYet(node && tellNode(node));
  }, { withinMs: 120_000, everyMs: 200 });
  t.match(failed.lastError, { code: 'WO_NODE_EXITED', message: /\b9\b/ });
  t.match(failed.logTail, /the licence has run out/, 'its last lines are kept');
  const status = await workshop.wo('status', family);
  t.match(status.stdout + status.stderr, /the licence has run out/, 'the status shows them');
  t.match((await workshop.fleet.events('node.phase')).at(-1), { reason: 'WO_NODE_EXITED', nodeId: failed.metadata?.id ?? '' }, 'the history tells it');
  expectExit(t, await workshop.wo('operation', 'watch', operation), 0, 'the deploy has succeeded, and stays so');
});
