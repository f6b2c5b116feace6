import { durationFromMs } from '@wombat/proto';
import { CreateJoinTokenRequest, CreateJoinTokenResponse, TokenServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { duration, oneOf } from '../../options.js';
import { sanitise } from '../../output/sanitise.js';
import { userData, userDataKinds } from './user-data.js';

export const tokenCreate = defineCommand({
  description: [
    'Lets one machine enrol once, as a host of this name. The token is shown this once and stored as a hash only.',
    '--print writes what the machine needs beside it: cloud-init or shell installs the agent and joins, as user-data of a new machine or run as root on one that is there; env is for images that have an agent.',
    'Such a host takes commands (wo exec). Nodes are placed on hosts of a family\'s domains, which come from providers.',
  ].join('\n'),
  examples: [
    { command: 'wo token create web-3', explanation: 'valid for 15 minutes' },
    { command: 'wo token create web-3 --ttl 5m > web-3.token', explanation: 'into a file, which gets the token alone' },
    { command: 'wo token create web-3 --print shell | ssh root@web-3 sh', explanation: 'installs the agent on a machine that is there, and joins it' },
    { command: 'wo token create web-3 --ttl 1h --print cloud-init > user-data', explanation: 'for a machine that is still to be made' },
  ],
  arguments: { hostName: required('name of the host that will join') },
  options: { ttl: duration('--ttl <duration>', 'how long it is valid; 15m when left out'), print: oneOf('--print <form>', `what is printed in place of the token: ${userDataKinds.join(', ')}`, userDataKinds) },
  async run(runtime, { hostName }, { ttl, print: form }) {
    const { print } = runtime;
    const control = await runtime.control();
    const request = CreateJoinTokenRequest.fromPartial({ mutation: newMutation(), hostName, withInstallScript: form === 'shell' || form === 'cloud-init', ...(ttl && { validFor: durationFromMs(ttl) }) });
    const answer = await control.call(TokenServiceService.createJoinToken, request);
    if (print.isForPrograms) return print.json(CreateJoinTokenResponse.toJSON(answer));
    const until = answer.joinToken?.expiresAt?.toISOString() ?? 'it expires';
    if (form) {
      print.data(userData(form, answer));
      return print.tell(`it holds a token that lets one machine join as ${hostName}, until ${until}: keep it as you keep a password`);
    }
    print.data(answer.token);
    print.tell([
      `it lets one machine join as ${hostName}, until ${until}, and is not shown again; put it into a file on that machine, then there:`,
      `  wo agent --coordinator ${sanitise(answer.agentsAddress || 'HOST:PORT')} --join-token-file FILE`,
    ].join('\n'));
  },
});
