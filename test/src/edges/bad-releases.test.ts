import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { expectExit } from '../support/expect.js';
import { prepareSleepers } from '../support/families.js';
import { nameOf, phaseOf, tellNode } from '../support/fleet-view.js';
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

t.test('releases that fail are told with their reason', async (t) => {
  const workshop = await Workshop.open(t);
  const tries = ['--restart-tries', '1', '--restart-delay', '50ms'];
  const nodeOf = async (name: string) => (await workshop.fleet.nodes()).find((node) => nameOf(node).startsWith(`${name}-`));

  /** One node of this release: the deploy ends as soon as it is known that it has failed, and nothing runs on. */
  const failsAtOnce = async (t: Test, name: string, { scripts, manifest, code, says }: Failing): Promise<void> => {
    const upload: string[] = [];
    if (manifest !== undefined) {
      const path = join(workshop.directory, `${name}.yaml`);
      await writeFile(path, `apiVersion: wombat/v1\n${manifest}\n`);
      upload.push('--manifest', path);
    }
    const { family } = await prepareSleepers(workshop, { name, scripts, upload, flags: tries });
    const before = performance.now();
    const result = expectExit(t, await workshop.wo('deploy-nodes', family, '--amount', '1'), 1, code);
    t.ok(performance.now() - before < 30_000, 'nobody waits for a timeout');
    t.match(result.stderr, `error ${code}:`);
    for (const words of says) t.match(result.stderr, words, `it says ${String(words)}`);
    t.match(result.stderr, /\n {2}try: /, 'and what to do');
    const node = await nodeOf(name);
    t.equal(node && phaseOf(node), 'failed', node ? tellNode(node) : 'there is no node');
    t.equal(node?.lastError?.code, code, 'the node keeps the reason');
    t.strictSame(workshop.processesOfNode(node?.metadata?.id ?? ''), [], 'nothing of it runs on');
  };

  await t.test('it dies at once', (t) => failsAtOnce(t, 'dead', {
    scripts: [{ name: 'start', lines: ['echo "no database" >&2', 'exit 3'] }], code: 'WO_NODE_EXITED', says: [/\b3\b/, /no database/],
  }));

  await t.test('it is killed by a signal', (t) => failsAtOnce(t, 'killed', {
    scripts: [{ name: 'start', lines: ['echo "about to break"', 'kill -SEGV $$'] }], code: 'WO_NODE_EXITED', says: [/SIGSEGV|signal 11|139/, /about to break/],
  }));

  await t.test('what its start command calls is not there', (t) => failsAtOnce(t, 'missing', {
    scripts: [{ name: 'start', lines: ['exec /opt/nothing/here --now'] }], code: 'WO_NODE_EXITED', says: [/127/, /nothing\/here/],
  }));

  await t.test('it never becomes ready', (t) => failsAtOnce(t, 'unready', {
    scripts: [sleeper, { name: 'ready', lines: ['echo "still waiting for the leader"', 'exit 1'] }],
    manifest: 'ready: {command: bin/ready, timeout: 1s}', code: 'WO_NODE_NOT_READY', says: [/still waiting for the leader/],
  }));

  // It may become free by itself, and is waited for as long as the node may take to become ready.
  await t.test('a port that it needs is taken', async (t) => {
    const server = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    await failsAtOnce(t, 'port', { scripts: [sleeper], manifest: `ports: [{name: http, number: ${port}}]\nready: {aliveFor: 200ms, timeout: 2s}`, code: 'WO_PORT_IN_USE', says: [new RegExp(`port ${port} \\(http\\).* is taken`)] });
  });

  await t.test('it runs, and dies later, again and again', async (t) => {
    const gate = join(workshop.directory, 'gate');
    const dying = { name: 'start', lines: ['echo started', `mkdir ${gate}-first 2>/dev/null && n=1 || n=2`, `while [ ! -e ${gate}-$n ]; do sleep 0.1; done`, 'echo "the licence has run out"', 'exit 9'] };
    const { family } = await prepareSleepers(workshop, { name: 'licence', scripts: [dying], flags: tries });
    const operation = await workshop.ok('deploy-nodes', family, '--amount', '1');
    for (const restarts of [0, 1]) {
      await until(`the node runs after ${restarts} restarts`, async () => {
        const node = await nodeOf('licence');
        return (node && phaseOf(node) === 'running' && node.restarts === restarts) || notYet(node && tellNode(node));
      });
      await writeFile(`${gate}-${restarts + 1}`, '');
    }
    const failed = await until('the node has failed', async () => {
      const node = await nodeOf('licence');
      return node && phaseOf(node) === 'failed' ? node : notYet(node && tellNode(node));
    });
    t.match(failed.lastError, { code: 'WO_NODE_EXITED', message: /\b9\b/ });
    t.match(failed.logTail, /the licence has run out/, 'its last lines are kept');
    const status = await workshop.wo('status', family);
    t.match(status.stdout + status.stderr, /the licence has run out/, 'the status shows them');
    t.match((await workshop.fleet.events('node.phase')).at(-1), { reason: 'WO_NODE_EXITED', nodeId: failed.metadata?.id ?? '' }, 'the history tells it');
    expectExit(t, await workshop.wo('operation', 'watch', operation), 0, 'the deploy has succeeded, and stays so');
  });
});
