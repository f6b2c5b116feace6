import { hostTargetAttribute } from '../../domain/attributes/host-target.js';
import { targetAttribute } from '../../domain/attributes/target-attributes.js';
import { evaluator } from '../../domain/expression/evaluate.js';
import type { Expression } from '../../domain/expression/expression.js';
import type { TargetKind } from '../../domain/model/job.js';
import { Turns } from './in-turns.js';
import { hostRef, nodeRef, type JobTargetRef } from './job-target-ref.js';
import { hostSources, nodesByHost, nodeSources, type SourceReader } from './target-sources.js';

/** The nodes, or the hosts, for which it holds. Takes turns with whatever else the coordinator does. */
export async function matchExpression(read: SourceReader, expression: Expression, on: TargetKind): Promise<JobTargetRef[]> {
  return on === 'hosts' ? matchingHosts(read, expression) : matchingNodes(read, expression);
}

async function matchingNodes(read: SourceReader, expression: Expression): Promise<JobTargetRef[]> {
  const [holds, turns, found] = [evaluator(expression), new Turns(), [] as JobTargetRef[]];
  for await (const source of nodeSources(read, await hostSources(read))) {
    if (holds((key) => targetAttribute(source, key))) found.push(nodeRef(source.node));
    await turns.take();
  }
  return found;
}

async function matchingHosts(read: SourceReader, expression: Expression): Promise<JobTargetRef[]> {
  const [holds, turns, found] = [evaluator(expression), new Turns(), [] as JobTargetRef[]];
  const hosts = await hostSources(read);
  const nodesOn = await nodesByHost(read, hosts);
  for (const source of hosts.values()) {
    const nodes = nodesOn.get(source.host.id) ?? [];
    if (holds((key) => hostTargetAttribute(source, nodes, key))) found.push(hostRef(source.host));
    await turns.take();
  }
  return found;
}
