import { runSteps } from '../nodes/run-steps.js';
import { Cluster } from './cluster.js';
import { needsCluster, type StrategyCheck } from './strategy-check.js';

export const joinResumed: StrategyCheck = {
  name: 'join-resumed',
  promise: 'a join that was cut off after any of its steps succeeds when it is begun again',
  advice: 'What an earlier step has left behind must not be in the way of the same step: steps are run again from the first one.',
  needs: needsCluster,
  async run(context) {
    return await context.withNodes(async (nodes) => {
      const cluster = await Cluster.of(context, nodes, 1);
      const cuts = (await cluster.planJoin(await nodes.start())).length;
      for (let done = 1; done < cuts; done += 1) {
        const node = await nodes.start();
        await runSteps(nodes, node, (await cluster.planJoin(node)).slice(0, done));
        await cluster.join(node);
        cluster.members.push(node);
        await cluster.expectOne(`after a join that was cut off after ${done} steps`);
        await cluster.stop(node);
        await cluster.expectOne(`once ${node.name} is stopped`);
      }
      return cuts < 2 ? 'there is no place to cut it' : `cut at ${cuts - 1} places`;
    });
  },
};
