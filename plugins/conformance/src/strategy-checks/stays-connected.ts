import { Cluster } from './cluster.js';
import { needsCluster, type StrategyCheck } from './strategy-check.js';

export const staysConnected: StrategyCheck = {
  name: 'stays-connected',
  promise: 'members never lose each other while another node joins or leaves',
  advice: 'No step takes a live node out of the cluster, not even for a moment: what it holds may move, or be lost.',
  needs: needsCluster,
  async run(context) {
    await context.withNodes(async (nodes) => {
      const cluster = await Cluster.of(context, nodes, 2);
      const before = [...cluster.members];
      const node = await nodes.start();
      const look = (what: string) => async ({ name }: { readonly name: string }): Promise<void> => await cluster.expectConnected(before, `after step ${name} of the ${what} of ${node.name}`);
      await cluster.join(node, look('join'));
      cluster.members.push(node);
      await cluster.expectOne('after the third has joined');
      await cluster.leave(node, look('leave'));
      await cluster.stop(node);
      await cluster.expectConnected(before, `after ${node.name} was stopped`);
    });
  },
};
