import { WombatError } from '@wombat/proto';
import { outcomes, type Job } from '../../domain/model/job.js';
import { targetIdOf } from '../../domain/jobs/target-key.js';
import type { Reader } from '../../store/store.js';
import { theseInTurns } from './in-turns.js';
import { hostRef, nodeRef, type JobTargetRef } from './job-target-ref.js';
import type { Resolution } from './resolve-targets.js';

type TargetReader = Pick<Reader, 'jobTargets' | 'nodes' | 'hosts'>;

/**
 * The targets of a job, or those that were not ok, where they are now: a node may have another host meanwhile. What is
 * not known any more is left out.
 * @throws WombatError WO_CONFLICT while it runs, WO_NO_TARGETS
 */
export async function rerunTargets(read: TargetReader, job: Job, failedOnly: boolean): Promise<Resolution> {
  if (job.state !== 'finished') throw new WombatError('WO_CONFLICT', `job ${job.id} still runs`, { hint: `wait for it: wo job watch ${job.id}` });
  const wanted = failedOnly ? outcomes.filter((outcome) => outcome !== 'ok') : outcomes;
  // Their ids tell enough: the targets themselves carry their outputs.
  const ids = (await read.jobTargets.ids({ jobId: job.id, outcome: wanted })).map(targetIdOf);
  if (ids.length === 0) throw new WombatError('WO_NO_TARGETS', `every target of ${job.id} was ok`, { hint: `run it on all of them again: wo job rerun ${job.id}` });
  const targets: JobTargetRef[] = [];
  for await (const nodes of theseInTurns(read.nodes, ids.filter((id) => id.startsWith('node-')))) targets.push(...nodes.map(nodeRef));
  for await (const hosts of theseInTurns(read.hosts, ids.filter((id) => id.startsWith('host-')))) targets.push(...hosts.map(hostRef));
  if (targets.length === 0) throw new WombatError('WO_NO_TARGETS', `nothing is known any more of the targets of ${job.id}`, { hint: 'see what there is: wo status' });
  return { text: job.expression, targets };
}
