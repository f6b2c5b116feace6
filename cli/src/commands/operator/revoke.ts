import { OperatorServiceService, RevokeOperatorTokenRequest, RevokeOperatorTokenResponse } from '@wombat/proto/control';
import { defineCommand, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';

export const operatorRevoke = defineCommand({
  description: 'The token is refused from now on; calls and streams that it came with end within two seconds. The last one that may do everything is kept, unless forced.',
  examples: [
    { command: 'wo operator revoke ada', explanation: 'by name' },
    { command: 'wo operator revoke opr-k3', explanation: 'by the beginning of its id' },
  ],
  arguments: { operator: required('name or id of the token, or the beginning of its id') },
  options: { force: flag('--force', 'also the last one that may do everything; the coordinator makes another at its next start') },
  async run(runtime, { operator }, { force }) {
    const control = await runtime.control();
    const request = RevokeOperatorTokenRequest.fromPartial({ mutation: newMutation(), operatorToken: operator, force });
    const answer = await control.call(OperatorServiceService.revokeOperatorToken, request);
    await runtime.print.done(`the token of ${answer.operatorToken?.metadata?.name ?? operator} is revoked`, RevokeOperatorTokenResponse.toJSON(answer));
  },
});
