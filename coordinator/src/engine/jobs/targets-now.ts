import type { HeldTarget } from '../../domain/jobs/job-progress.js';
import { targetIdOf } from '../../domain/jobs/target-key.js';
import type { Job } from '../../domain/model/job.js';
import type { Reader } from '../../store/store.js';
import { storedError } from '../events.js';
import type { Ending } from './job-endings.js';
import { nodeRef, runs } from './job-target-ref.js';
import { notRunning } from './new-target.js';

export interface TargetsNow {
  /** Id of a target -> the host that it is on by now. */
  readonly hosts: ReadonlyMap<string, string>;
  /** Those that do not run any more: they are passed over as at the start. */
  readonly passedOver: readonly Ending[];
}

/** A job with limits may be sent long after it was made: nodes have stopped meanwhile, or were placed on another host. */
export async function targetsNow({ nodes }: Pick<Reader, 'nodes'>, job: Job, targets: readonly HeldTarget[], finishedAt: number): Promise<TargetsNow> {
  const found = new Map((await nodes.many(targets.map(({ id }) => targetIdOf(id)).filter((id) => id.startsWith('node-')))).map((node) => [node.id, node]));
  const hosts = new Map(targets.map(({ id, hostId }) => [id, found.get(targetIdOf(id))?.hostId ?? hostId]));
  const passedOver = targets.flatMap(({ id, hostId }): Ending[] => {
    const node = found.get(targetIdOf(id));
    if (!node || job.all || runs(nodeRef(node))) return [];
    return [{ id, hostId, fields: { outcome: 'skipped', error: storedError(notRunning(node.name, node.phase)), finishedAt } }];
  });
  return { hosts, passedOver };
}
