import { apiVersions, defineBootstrapStrategy, erlangApply, erlangEval, JoinOrder, step, z, type Member } from '@wombat/plugin-sdk';
import { atomOf, readNodeNames } from './erlang-names.js';

const checkDeadlineMs = 10_000;

/**
 * Every Erlang node is connected to every other:
 *
 *   wo create-family Web --clust erlang-mesh
 */
export const plugin = defineBootstrapStrategy({
  name: 'erlang-mesh',
  version: '0.1.0',
  apiVersions: [apiVersions.bootstrapStrategy],
  summary: 'connects each Erlang node to all others of its family',
  joinOrder: JoinOrder.PARALLEL_AFTER_SEED,
  options: z.object({
    deadline: z.number().positive().max(3_600).default(30).describe('seconds for connecting, and again for being seen'),
  }),
  planJoin({ options, self, contacts }) {
    // Refuse a node that cannot be connected even when it is the seed: it is told before the second one.
    atomOf(self);
    const deadlineMs = options.deadline * 1_000;
    const connects = contacts.map((contact) => connect(contact, deadlineMs));
    return contacts.length === 0 ? [] : [...connects, waitUntilSeen(contacts, deadlineMs)];
  },
  planCheck: () => [step('members', erlangEval('[node() | nodes()].'), { deadlineMs: checkDeadlineMs })],
  readMembers: ({ output }) => readNodeNames(new TextDecoder().decode(output)),
});

/** connect_node answers true also when they are connected already; false while the contact is not there yet. */
function connect(contact: Member, deadlineMs: number) {
  return step('connect', erlangApply('net_kernel', 'connect_node', `[${atomOf(contact)}]`), { deadlineMs, untilContains: ['true'] });
}

/** nodes() right after connecting is not yet the whole mesh. */
function waitUntilSeen(contacts: readonly Member[], deadlineMs: number) {
  const wanted = `[${contacts.map(atomOf).join(', ')}]`;
  return step('mesh', erlangEval(`lists:all(fun(Name) -> lists:member(Name, nodes()) end, ${wanted}).`), { deadlineMs, untilContains: ['true'] });
}
