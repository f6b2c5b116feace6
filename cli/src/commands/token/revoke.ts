import { RevokeJoinTokenRequest, RevokeJoinTokenResponse, TokenServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const tokenRevoke = defineCommand({
  description: 'Nobody can enrol with the token any more. A host that has used it keeps its certificate.',
  examples: [
    { command: 'wo token revoke tok-k3', explanation: 'by the beginning of its id' },
    { command: 'wo token list -q | xargs -n1 wo token revoke', explanation: 'all of them' },
  ],
  arguments: { token: object('token') },
  options: {},
  async run(runtime, { token }) {
    const control = await runtime.control();
    const request = RevokeJoinTokenRequest.fromPartial({ mutation: newMutation(), joinToken: token });
    const answer = await control.call(TokenServiceService.revokeJoinToken, request);
    await runtime.print.done(`token ${token} is revoked`, RevokeJoinTokenResponse.toJSON(answer));
  },
});
