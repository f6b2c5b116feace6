import { writeFileSync } from 'node:fs';
import { command, defineBootstrapStrategy, JoinOrder, secretKeyword, step, z, type BootstrapStrategyPlugin, type Member, type Step } from '@wombat/plugin-sdk';

const deadlineMs = 10_000;

/** A strategy for script nodes that keeps every promise but the one that is named after a check: then it breaks that one, in the way of a common mistake. */
export function referenceStrategy(broken: string): BootstrapStrategyPlugin {
  const isBroken = (check: string): boolean => check === broken;
  const run = (name: string, ...argv: readonly string[]): Step => step(name, command(argv), { deadlineMs });
  let calls = 0;
  const leak: Buffer[] = [];
  const join = (contacts: readonly Member[]): readonly Step[] => {
    const names = contacts.map(({ name }) => name);
    if (isBroken('steps') && contacts.length > 10) return [{ ...run('join', 'bin/join', ...names), deadline: undefined }];
    if (isBroken('join-twice')) return [run('join', 'bin/join-once', ...names)];
    if (isBroken('join-resumed')) return [run('lock', 'bin/lock'), run('join', 'bin/join', ...names), run('unlock', 'bin/unlock')];
    if (isBroken('stays-connected') && names[0] !== undefined) return [run('part', 'bin/leave', names[0]), run('join', 'bin/join', ...names)];
    return [run('join', 'bin/join', ...names), run('members', 'bin/members')];
  };
  const plugin = defineBootstrapStrategy({
    name: 'reference',
    version: '1.0.0',
    apiVersions: ['bootstrap-strategy.v1'],
    summary: 'runs scripts whose cluster is a directory',
    joinOrder: JoinOrder.SERIAL,
    options: z.object({ ring: z.string(), deadline: z.number().optional() }),
    planInputs: ({ options, contacts }) => ({ ring: options.ring, seed: contacts[0]?.name ?? '', ...(isBroken('deterministic') ? { call: String((calls += 1)) } : {}) }),
    planJoin: ({ contacts }) => {
      if (isBroken('quiet')) process.stderr.write('a join is planned\n');
      if (isBroken('no-io')) writeFileSync('joins.json', '{}');
      return join(contacts);
    },
    planCheck: () => [run('members', 'bin/members')],
    readMembers({ output }) {
      if (isBroken('strange-output') && output.includes(0)) process.exit(1);
      return new TextDecoder().decode(output).split('\n').filter(Boolean);
    },
    planLeave: ({ leaving, survivors }) =>
      ({ runOnNodeId: survivors[0]?.nodeId ?? '', steps: [run('leave', isBroken('leave') ? 'bin/leave-once' : 'bin/leave', leaving.name)] }),
  });
  const { description } = plugin;
  return {
    ...plugin,
    description: { ...description, ...(isBroken('handshake') ? { version: '' } : {}), ...(isBroken('no-secrets') ? { settingsSchema: withSecret(description.settingsSchema) } : {}) },
    withoutInputs: isBroken('inputs'),
    validate(options) {
      if (isBroken('memory')) leak.push(Buffer.alloc(1024 * 1024, 1));
      return isBroken('options') ? [] : plugin.validate(options);
    },
  };
}

function withSecret(schema: string): string {
  const { properties, ...rest } = JSON.parse(schema) as { readonly properties: object };
  return JSON.stringify({ ...rest, properties: { ...properties, password: { type: 'string', [secretKeyword]: true } } });
}
