import { join } from 'node:path';
import { GetJobRequest, JobServiceService, NodePhase, HostPhase, OperationState } from '@wombat/proto/control';
import { Outcome } from '@wombat/proto/agent';
import { idOf } from '../fleet-view.js';
import { agentsAmong, isAlive, programOf, type Process } from '../processes.js';
import type { Workshop } from '../workshop.js';
import { journalsOf, linesOf, list, machinesOf, treesOf } from './look-at-disk.js';
import type { Look } from './observation.js';

export interface Watched {
  /** Operations that should have ended. */
  readonly operations: readonly string[];
  readonly jobs: readonly string[];
}

/** What is there, and with `watched` what the coordinator tells of it. */
export async function look(workshop: Workshop, moment: string, watched?: Watched): Promise<Look> {
  const told = watched && (await whatIsTold(workshop, watched));
  const all = workshop.processes();
  const hosts = workshop.hostDirectories();
  const trees = hosts.flatMap(treesOf);
  const agents = agentsAmong(all).map(({ pid, environment }) => ({ hostId: environment['WOMBAT_HOST_ID'] ?? '', pid }));
  return {
    kind: 'look', moment, agents, trees,
    machines: list(join(workshop.coordinator.directory, 'providers')).flatMap(machinesOf),
    lines: hosts.flatMap(linesOf),
    journals: hosts.flatMap(journalsOf),
    // What has ended meanwhile may have lost its root, too.
    processes: all.filter(isProgram).filter(isAlive).map(({ pid, startTime, environment }) => ({ nodeId: environment['WOMBAT_NODE_ID'] ?? '', pid, startTime })),
    ...(told && { told }),
  };
}

/** What a node is: the sleeper itself, past its shim and the script that becomes it. */
function isProgram(process: Process): boolean {
  return process.environment['WOMBAT_NODE_ID'] !== undefined && process.environment['WOMBAT_EXEC_ID'] === undefined && programOf(process) === 'sleep';
}

async function whatIsTold({ fleet, coordinator }: Workshop, { operations, jobs }: Watched): Promise<NonNullable<Look['told']>> {
  const answers = await Promise.all(jobs.map((job) => coordinator.control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job }))));
  return {
    hosts: (await fleet.hosts()).map((host) => ({ id: idOf(host), phase: word(HostPhase[host.phase]), machineId: host.machineId })),
    nodes: (await fleet.nodes()).map((node) => ({ id: idOf(node), hostId: node.hostId, phase: word(NodePhase[node.phase]), pid: Number(node.pid) })),
    operations: (await Promise.all(operations.map((id) => fleet.operation(id)))).map((each) => ({ id: idOf(each), state: word(OperationState[each.state]), isFinished: each.finishedAt !== undefined })),
    targets: answers.flatMap(({ job, targets }) => targets.map((target) => ({
      jobId: idOf(job), nodeId: target.targetId, outcome: word(Outcome[target.outcome]), stdout: Buffer.from(target.stdout).toString(),
    }))),
  };
}

function word(name: string | undefined): string {
  return (name ?? 'unrecognised').toLowerCase();
}
