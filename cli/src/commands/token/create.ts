import { durationFromMs } from '@wombat/proto';
import { CreateJoinTokenRequest, CreateJoinTokenResponse, TokenServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { duration } from '../../options.js';
import { sanitise } from '../../output/sanitise.js';

export const tokenCreate = defineCommand({
  description: [
    'Lets one machine enrol once, as a host of this name: wo agent --coordinator HOST:PORT --join-token-file FILE on it. The token is shown this once and stored as a hash only.',
    'Such a host takes commands (wo exec). Nodes are placed on hosts of a family\'s domains, which come from providers.',
  ].join('\n'),
  examples: [
    { command: 'wo token create web-3', explanation: 'valid for 15 minutes' },
    { command: 'wo token create web-3 --ttl 5m > web-3.token', explanation: 'into a file, which gets the token alone' },
  ],
  arguments: { hostName: required('name of the host that will join') },
  options: { ttl: duration('--ttl <duration>', 'how long it is valid; 15m when left out') },
  async run(runtime, { hostName }, { ttl }) {
    const { print } = runtime;
    const control = await runtime.control();
    const request = CreateJoinTokenRequest.fromPartial({ mutation: newMutation(), hostName, ...(ttl && { validFor: durationFromMs(ttl) }) });
    const answer = await control.call(TokenServiceService.createJoinToken, request);
    if (print.isForPrograms) return print.json(CreateJoinTokenResponse.toJSON(answer));
    print.data(answer.token);
    print.tell([
      `it lets one machine join as ${hostName}, until ${answer.joinToken?.expiresAt?.toISOString() ?? 'it expires'}, and is not shown again; put it into a file on that machine, then there:`,
      `  wo agent --coordinator ${sanitise(answer.agentsAddress || 'HOST:PORT')} --join-token-file FILE`,
    ].join('\n'));
  },
});
