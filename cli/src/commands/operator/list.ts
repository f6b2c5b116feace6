import { ListOperatorTokensRequest, OperatorServiceService, OperatorToken } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages } from '../../control/paging.js';
import { listOptions } from '../common.js';
import { operatorColumns } from './view.js';

export const operatorList = defineCommand({
  description: 'Who has a token, for which roles, until when, and when and from where it was used last. Never the token itself.',
  examples: [
    { command: 'wo operator list', explanation: 'all of them' },
    { command: 'wo operator list -o json', explanation: 'for a program' },
  ],
  arguments: {},
  options: { ...listOptions },
  async run(runtime, _, { limit, orderBy }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(OperatorServiceService.listOperatorTokens, ListOperatorTokensRequest.fromPartial({ page }));
      return { items: answer.operatorTokens, page: answer.page };
    }, { ...(limit && { limit }), ...(orderBy && { orderBy }) });
    await runtime.print.list({
      items, columns: operatorColumns(runtime.clock.now()), key: 'operatorTokens', toJson: OperatorToken.toJSON, nothing: 'no operators; create one with: wo operator create NAME --role ROLE',
    });
  },
});
