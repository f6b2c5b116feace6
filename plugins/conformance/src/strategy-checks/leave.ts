import { Cluster } from './cluster.js';
import { needsCluster, type StrategyCheck } from './strategy-check.js';

export const leave: StrategyCheck = {
  name: 'leave',
  promise: 'a leave runs on the node itself or on a survivor, also when it is begun again; those who are left are one cluster',
  advice: '`run_on_node_id` is empty or the id of one of the nodes that PlanLeave was given. A coordinator that was ended in the middle begins it again.',
  needs: needsCluster,
  async run(context) {
    await context.withNodes(async (nodes) => {
      const cluster = await Cluster.of(context, nodes, 3);
      const leaving = cluster.members[2]!;
      await cluster.leave(leaving);
      await cluster.leave(leaving);
      await cluster.stop(leaving);
      await cluster.expectOne(`after ${leaving.name} has left`);
      const last = cluster.members[1]!;
      await cluster.leave(last);
      await cluster.stop(last);
      await cluster.expectOne(`after ${last.name} has left too`);
    });
  },
};
