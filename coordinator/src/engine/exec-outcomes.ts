import type { ExecOutcome, OutcomeRef } from '@wombat/proto/agent';
import type { JobService } from './jobs/job-service.js';
import type { StepRunner } from './step-runner.js';

/** Hands outcomes to whoever asked: steps of a strategy wait for theirs, the others belong to jobs. */
export class ExecOutcomes {
  constructor(
    private readonly steps: StepRunner,
    private readonly jobs: JobService,
  ) {}

  /** What it answers is stored, or nobody's, and may be forgotten by the agent. */
  async take(hostId: string, outcomes: readonly ExecOutcome[]): Promise<readonly OutcomeRef[]> {
    const ofJobs = outcomes.filter((outcome) => !this.steps.take(hostId, outcome));
    if (ofJobs.length > 0) await this.jobs.outcomes(hostId, ofJobs);
    return outcomes.map(({ jobId, targetId }) => ({ jobId, targetId }));
  }
}
