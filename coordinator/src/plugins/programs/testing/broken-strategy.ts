import { appendFileSync, readFileSync } from 'node:fs';
import { command, defineBootstrapStrategy, JoinOrder, serve, step, WombatError, z } from '@wombat/plugin-sdk';

/** A strategy's program that breaks in the way that the name of a family says; each start is noted in the file of its first argument. With a second one it ends at once from its second start on. */
const [startsFile = '', isDying] = process.argv.slice(2);
appendFileSync(startsFile, `${process.pid}\n`);
// The first start is the question what it is.
const starts = readFileSync(startsFile, 'utf8').trim().split('\n').length;
if (isDying && starts > 1) process.exit(3);

await serve(defineBootstrapStrategy({
  name: 'broken',
  version: '1',
  apiVersions: ['bootstrap-strategy.v1'],
  summary: 'breaks',
  joinOrder: JoinOrder.SERIAL,
  options: z.object({ size: z.number().optional() }),
  planInputs: ({ self, contacts }) => ({ seed: contacts[0]?.name ?? self.name, pid: String(process.pid), environment: Object.keys(process.env).join() }),
  async planJoin({ familyName: way, contacts }) {
    if (way === 'blocks') for (;;) { /* Not even SIGTERM is heard. */ }
    if (way === 'hangs') await new Promise(() => undefined);
    if (way === 'dies' || way === `dies-as-${starts}`) process.kill(process.pid, 'SIGKILL');
    if (way === 'refuses') throw new WombatError('WO_NODE_JOIN_FAILED', 'no ring\u001b[31m here', { hint: 'make one' });
    if (way === 'pretends') throw new WombatError('WO_HOST_UNREACHABLE', 'it is not my fault');
    if (way === 'huge') return [step('join', command(['x'.repeat(17 * 1024 * 1024)]), { deadlineMs: 1_000 })];
    if (way === 'lies') return [step('join', command(['join']), { deadlineMs: 0 })];
    return [step('join', command(['join', ...contacts.map(({ name }) => name)]), { deadlineMs: 1_000 })];
  },
  planCheck: () => [step('members', command(['members']), { deadlineMs: 1_000 })],
  readMembers: ({ output }) => new TextDecoder().decode(output).split(' '),
  planLeave: ({ leaving }) => ({ runOnNodeId: leaving.name === 'liar' ? 'node-z' : leaving.nodeId, steps: [] }),
}));
