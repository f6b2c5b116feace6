import type { FirewallRule } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';

const rules: readonly FirewallRule[] = [
  { protocol: 'tcp', fromPort: 443, toPort: 443, source: '' },
  { protocol: 'tcp', fromPort: 9100, toPort: 9155, source: '10.1.0.0/16' },
  { protocol: 'udp', fromPort: 53, toPort: 53, source: '192.0.2.7/32' },
];

export const firewall: Check = {
  name: 'firewall',
  promise: 'ensures the rules of a group: asked again, it finds nothing to mend',
  advice: 'Compare what is there with what is wanted, in any order, in one form of ports and addresses; answer as drift only rules that nobody had asked for.',
  needs: ({ abilities: flags }) => (flags.firewall ? undefined : 'it has no firewall'),
  async run(context) {
    const subject = await context.subject();
    const ensure = async (wanted: readonly FirewallRule[]) => await subject.call(methods.ensureFirewall, { group: 'conformance', rules: [...wanted] });
    await ensure(rules);
    const { drift } = await ensure(rules);
    const { drift: reversed } = await ensure([...rules].reverse());
    await ensure([]);
    expect(drift.length === 0, `asked again with the same rules it tells ${drift.length} as drift`);
    expect(reversed.length === 0, 'the order of the rules makes a difference');
  },
};
