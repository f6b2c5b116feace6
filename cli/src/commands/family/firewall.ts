import { FamilyServiceService, SetFirewallRequest, SetFirewallResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { each, flag } from '../../options.js';
import { formatFirewallRule, parseFirewallRule } from '../../parse/firewall-rule.js';
import { sanitise } from '../../output/sanitise.js';
import { UsageError } from '../../usage-error.js';

export const familyFirewall = defineCommand({
  description: 'Replaces all rules of the family. A rule is PROTOCOL:FROM[:TO[:CIDR]]; without a network it holds for everyone.',
  examples: [
    { command: 'wo set-firewall "Riak node family" --fw-rule tcp:8096:8099', explanation: 'one range of ports' },
    { command: 'wo set-firewall web --fw-rule tcp:443 --fw-rule udp:4000:4010:10.0.0.0/8', explanation: 'two rules, one for a network only' },
    { command: 'wo set-firewall web --none', explanation: 'no rules any more' },
  ],
  arguments: { family: object('family') },
  options: {
    rules: each('--fw-rule <rule>', 'what is let in, as in tcp:8096:8099; may be repeated', parseFirewallRule),
    none: flag('--none', 'take all rules away'),
  },
  async run(runtime, { family }, { rules, none }) {
    if (rules.length === 0 && !none) throw new UsageError('no rule is given', 'give --fw-rule tcp:8096:8099, or --none to take all rules away');
    if (rules.length > 0 && none) throw new UsageError('--none and --fw-rule do not go together');
    const control = await runtime.control();
    const request = SetFirewallRequest.fromPartial({ mutation: newMutation(), family, rules: rules.map((rule) => ({ ...rule })) });
    const answer = await control.call(FamilyServiceService.setFirewall, request);
    for (const warning of answer.warnings) runtime.print.warn(`${runtime.print.err.yellow('warning:')} ${sanitise(warning)}`);
    await runtime.print.done(`firewall of ${family}: ${rules.map(formatFirewallRule).join(' ') || 'no rules'}`, SetFirewallResponse.toJSON(answer));
  },
});
