import type { Member, Step } from '@wombat/plugin-sdk';
import { systemClock } from '@wombat/proto';
import { nameOf, type Nodes } from '../nodes/nodes.js';
import { runSteps } from '../nodes/run-steps.js';
import type { AskedStrategy } from '../run/asked-strategy.js';
import type { StrategyContext } from '../run/strategy-context.js';

/** A mesh needs a moment until every node sees every other. */
const formsWithinMs = 10_000;

/** Nodes that a strategy makes a cluster of, one after another; every joiner is told of all who are in it. */
export class Cluster {
  readonly members: Member[] = [];
  readonly nodes: Nodes;
  readonly #strategy: AskedStrategy;
  readonly #formsWithinMs: number;

  static async of(context: StrategyContext, nodes: Nodes, size: number): Promise<Cluster> {
    const cluster = new Cluster(nodes, await context.strategy(), formsWithinMs * (context.options.slack ?? 1));
    for (let joined = 0; joined < size; joined += 1) await cluster.grow();
    await cluster.expectOne('after they have joined');
    return cluster;
  }

  private constructor(nodes: Nodes, strategy: AskedStrategy, formsWithin: number) {
    this.nodes = nodes;
    this.#strategy = strategy;
    this.#formsWithinMs = formsWithin;
  }

  async grow(): Promise<void> {
    const node = await this.nodes.start();
    await this.join(node);
    this.members.push(node);
  }

  async planJoin(node: Member): Promise<readonly Step[]> {
    return await this.#strategy.planJoin(node, this.membersBeside(node));
  }

  async join(node: Member, after?: (step: Step) => Promise<void>): Promise<void> {
    await runSteps(this.nodes, node, await this.planJoin(node), after);
  }

  /** The node stays a member until it is stopped. */
  async leave(node: Member, after?: (step: Step) => Promise<void>): Promise<void> {
    const { runner, steps } = await this.#strategy.planLeave(node, this.membersBeside(node));
    await runSteps(this.nodes, runner, steps, after);
  }

  async stop(node: Member): Promise<void> {
    await this.nodes.stop(node);
    this.members.splice(this.members.indexOf(node), 1);
  }

  membersBeside(node: Member): readonly Member[] {
    return this.members.filter((each) => each !== node);
  }

  /** What the strategy itself reads of the members; undefined when it checks nothing. */
  async membersReadBy(node: Member): Promise<readonly string[] | undefined> {
    const steps = await this.#strategy.planCheck(node);
    return steps.length === 0 ? undefined : await this.#strategy.readMembers(node, await runSteps(this.nodes, node, steps));
  }

  /** @throws Error when somebody does not see all members, and nobody else */
  async expectOne(when: string): Promise<void> {
    const wanted = this.members.map(nameOf).sort().join(' ');
    const until = performance.now() + this.#formsWithinMs;
    for (const node of this.members) {
      for (;;) {
        const seen = [...await this.nodes.seenBy(node)].sort().join(' ');
        if (seen === wanted) break;
        if (performance.now() > until) throw new Error(`${node.name} sees ${seen || 'nobody'} ${when}, where there are ${wanted}`);
        await systemClock.sleep(50);
      }
    }
  }

  /** @throws Error when one of these does not see another now */
  async expectConnected(nodes: readonly Member[], when: string): Promise<void> {
    for (const node of nodes) {
      const seen = new Set(await this.nodes.seenBy(node));
      const missing = nodes.find((other) => !seen.has(nameOf(other)));
      if (missing) throw new Error(`${node.name} does not see ${missing.name} ${when}`);
    }
  }
}
