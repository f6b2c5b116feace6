// One job from its request to its last outcome, over the control API as `wo exec` does it.
import { Outcome } from '@wombat/proto/agent';
import { CreateJobRequest, JobServiceService } from '@wombat/proto/control';

/** Milliseconds from the request to each outcome. @throws Error when one of them is not `ok`, or some are missing */
export async function runJob(control, expression, targets, argv = ['true']) {
  const startedAt = performance.now();
  const request = CreateJobRequest.fromPartial({ expression, action: { kind: { $case: 'command', value: { argv } } } });
  const { job } = await control.call(JobServiceService.createJob, request);
  const times = [];
  const notOk = [];
  for await (const { kind } of control.stream(JobServiceService.watchJob, { job: job.metadata.id, grouped: true })) {
    if (kind?.$case !== 'targets') continue;
    for (const target of kind.value.targets) {
      times.push(performance.now() - startedAt);
      if (target.outcome !== Outcome.OK) notOk.push(target);
    }
  }
  if (notOk.length > 0 || times.length !== targets) throw new Error(`${times.length} of ${targets} targets have an outcome, ${notOk.length} of them not ok: ${tell(notOk[0])}`);
  return times;
}

function tell(target) {
  return JSON.stringify(target ?? {}, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}
