import { randomUUID } from 'node:crypto';
import {
  CreateJobRequest, DataPolicy, DeployNodesRequest, FamilyServiceService, GetJobRequest, HostServiceService, JobServiceService, JobState, NodeServiceService,
  RemoveHostRequest, RemoveNodesRequest, type Operation,
} from '@wombat/proto/control';
import { idOf } from '../fleet-view.js';
import { notYet, until } from '../until.js';
import type { FaultStage } from './fault-stage.js';
import { insist } from './insist.js';

const patience = { withinMs: 60_000, everyMs: 20 };

/**
 * Two nodes on two new hosts are deployed, a command is run on them, they and their hosts are removed: every step that
 * writes an intent or acts is passed. Whatever dies meanwhile, each must end as asked for.
 */
export async function liveOnce(stage: FaultStage): Promise<void> {
  const operations = [await stage.goesOn('the deploy', () => deploy(stage))];
  await stage.look('deployed', { operations, jobs: [] });
  const jobs = [await stage.goesOn('the command', () => command(stage))];
  await stage.look('a command was run', { operations, jobs });
  operations.push(...(await stage.goesOn('the removal', () => remove(stage))));
  await stage.look('removed', { operations, jobs });
}

async function deploy(stage: FaultStage): Promise<string> {
  const { family, workshop } = stage;
  const mutation = { requestId: randomUUID() };
  const { operation } = await insist(() => workshop.coordinator.control.call(FamilyServiceService.deployNodes, DeployNodesRequest.fromPartial({ mutation, family, amount: 2 })));
  return ended(stage, operation);
}

async function command({ workshop, family }: FaultStage): Promise<string> {
  const request = CreateJobRequest.fromPartial({ mutation: { requestId: randomUUID() }, expression: family, action: { kind: { $case: 'command', value: { argv: ['bin/work'] } } }, timeout: { seconds: 20n } });
  const { job } = await insist(() => workshop.coordinator.control.call(JobServiceService.createJob, request));
  return until('the command has ended', async () => {
    const { job: seen } = await insist(() => workshop.coordinator.control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job: idOf(job) })));
    return seen?.state === JobState.FINISHED ? idOf(seen) : notYet(seen?.outcomes);
  }, patience);
}

async function remove(stage: FaultStage): Promise<string[]> {
  const { workshop, family, observations } = stage;
  const nodes = await insist(() => workshop.fleet.nodes());
  const hosts = await insist(() => workshop.fleet.hosts());
  observations.add({ kind: 'instruction', what: 'they are removed', nodeIds: nodes.map(idOf) });
  const mutation = { requestId: randomUUID() };
  const { operation } = await insist(() => workshop.coordinator.control.call(NodeServiceService.removeNodes, RemoveNodesRequest.fromPartial({ mutation, nodes: [family], data: DataPolicy.DELETE })));
  const ends = [await ended(stage, operation)];
  for (const host of hosts) {
    const request = RemoveHostRequest.fromPartial({ mutation: { requestId: randomUUID() }, host: idOf(host) });
    const { operation: removal } = await insist(() => workshop.coordinator.control.call(HostServiceService.removeHost, request));
    ends.push(await ended(stage, removal));
  }
  return ends;
}

/** Answers its id. */
async function ended({ workshop }: FaultStage, operation: Operation | undefined): Promise<string> {
  const id = idOf(operation);
  return until(`${operation?.metadata?.name} has ended`, async () => {
    const seen = await insist(() => workshop.fleet.operation(id));
    return seen.finishedAt ? id : notYet({ state: seen.state, progress: seen.progress });
  }, patience);
}
