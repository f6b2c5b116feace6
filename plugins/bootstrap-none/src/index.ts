import { apiVersions, defineBootstrapStrategy, JoinOrder } from '@wombat/plugin-sdk';

/** Nodes form no cluster: each is a member of its family as soon as it is ready. */
export const plugin = defineBootstrapStrategy({
  name: 'none',
  version: '0.1.0',
  apiVersions: [apiVersions.bootstrapStrategy],
  summary: 'nodes do not form a cluster',
  joinOrder: JoinOrder.NONE,
});
