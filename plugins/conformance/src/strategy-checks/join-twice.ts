import { expect } from '../check.js';
import { nameOf } from '../nodes/nodes.js';
import { Cluster } from './cluster.js';
import { needsCluster, type StrategyCheck } from './strategy-check.js';

export const joinTwice: StrategyCheck = {
  name: 'join-twice',
  promise: 'nodes that join are one cluster, and joining again changes nothing; its own check sees the same',
  advice: 'The coordinator runs the steps of a join again when it was not told of their end. Steps on a node that is a member already succeed, and change nothing.',
  needs: needsCluster,
  async run(context) {
    await context.withNodes(async (nodes) => {
      const cluster = await Cluster.of(context, nodes, 3);
      for (const node of cluster.members) {
        await cluster.join(node);
        await cluster.expectOne(`after ${node.name} has joined twice`);
      }
      const wanted = cluster.members.map(nameOf).sort().join(' ');
      for (const node of cluster.members) {
        const read = await cluster.membersReadBy(node);
        expect(read === undefined || [...read].sort().join(' ') === wanted, `of ${wanted} its check reads ${read?.join(' ')}`);
      }
    });
  },
};
