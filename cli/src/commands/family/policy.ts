import { FamilyServiceService, SetReplacementRequest, SetReplacementResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { sanitise } from '../../output/sanitise.js';
import { replacementText } from '../../parse/replacement.js';
import { UsageError } from '../../usage-error.js';
import { replaceOption } from './replace-option.js';

export const familyPolicy = defineCommand({
  description: [
    'Says what becomes of nodes whose host is lost: `never`, they wait for it; `ask`, they wait until you say `wo host replace HOST`; or a time:',
    'others are deployed in their place when the host has been lost for so long. Others have names of their own, and when the host comes back',
    'after all, the nodes that were replaced are removed from it; their data stays.',
  ].join('\n'),
  examples: [
    { command: 'wo family policy web --replace 10m', explanation: 'without anybody' },
    { command: 'wo family policy "Riak node family" --replace ask', explanation: 'when somebody has looked' },
  ],
  arguments: { family: object('family') },
  options: { ...replaceOption },
  async run(runtime, { family }, { replace }) {
    const replacement = replace.at(-1);
    if (!replacement) throw new UsageError('no policy is given', 'give --replace never, --replace ask, or --replace 10m');
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.setReplacement, SetReplacementRequest.fromPartial({ mutation: newMutation(), family, replacement }));
    await runtime.print.done(`nodes of ${sanitise(family)} are replaced: ${replacementText(answer.family?.replacement)}`, SetReplacementResponse.toJSON(answer));
  },
});
