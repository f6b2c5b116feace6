import { JoinToken, ListJoinTokensRequest, TokenServiceService } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages } from '../../control/paging.js';
import { listOptions } from '../common.js';
import { tokenColumns } from './view.js';

export const tokenList = defineCommand({
  description: 'Every join token: for which host, until when, and whether, when and from where it was used. Never the token itself.',
  examples: [
    { command: 'wo token list', explanation: 'all of them' },
    { command: 'wo token list -o json', explanation: 'for a program' },
  ],
  arguments: {},
  options: { ...listOptions },
  async run(runtime, _, { limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(TokenServiceService.listJoinTokens, ListJoinTokensRequest.fromPartial({ page }));
      return { items: answer.joinTokens, page: answer.page };
    }, { ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items, columns: tokenColumns(runtime.clock.now()), key: 'joinTokens', toJson: JoinToken.toJSON, nothing: 'no join tokens; create one with: wo token create HOST-NAME',
    });
  },
});
