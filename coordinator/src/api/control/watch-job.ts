import type { WatchJobResponse } from '@wombat/proto/control';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { JobService } from '../../engine/jobs/job-service.js';
import type { Store } from '../../store/store.js';
import { JobNews, type LivePiece } from './job-news.js';
import { jobTargetView, jobView } from './views/job-view.js';

export interface Watch {
  readonly seen: Job;
  /** Several outcomes in one answer. */
  readonly isGrouped: boolean;
  /** Also what commands write that still run. */
  readonly isLive: boolean;
}

/** Every outcome once, as it comes; the job itself first, whenever it pauses, and last. */
export async function* watchJob(store: Store, jobs: JobService, { seen, isGrouped, isLive }: Watch, signal: AbortSignal): AsyncGenerator<WatchJobResponse> {
  const news = new JobNews(store, seen.id, isLive ? jobs.live : undefined);
  const counts: Record<string, number> = {};
  try {
    // A finished job is told last, after its outcomes: whoever watches ends there.
    if (seen.state !== 'finished') yield jobAnswer(seen);
    await news.begin();
    while (!signal.aborted) {
      yield* (await news.takePieces()).map(pieceAnswer);
      for await (const targets of news.take()) {
        for (const { outcome = '' } of targets) counts[outcome] = (counts[outcome] ?? 0) + 1;
        yield* isGrouped ? groupedAnswers(targets) : targets.map(targetAnswer);
      }
      // Something may have come since the last was taken.
      if (!news.isEmpty) continue;
      if (news.finished) return yield jobAnswer(news.finished, counts);
      const { paused } = news;
      news.paused = undefined;
      if (paused) yield { kind: { $case: 'job', value: jobView(paused, counts, await jobs.holdOf(paused)) } };
      await news.some(signal);
    }
  } finally {
    news.close();
  }
}

/** Of the outputs in one answer, unless one target alone has more. */
const answerBytes = 1024 * 1024;

function* groupedAnswers(targets: readonly JobTarget[]): Generator<WatchJobResponse> {
  let group: JobTarget[] = [];
  let bytes = 0;
  for (const target of targets) {
    const size = target.stdout.length + target.stderr.length;
    if (group.length > 0 && bytes + size > answerBytes) {
      yield groupAnswer(group);
      [group, bytes] = [[], 0];
    }
    group.push(target);
    bytes += size;
  }
  yield groupAnswer(group);
}

const groupAnswer = (targets: readonly JobTarget[]): WatchJobResponse => ({ kind: { $case: 'targets', value: { targets: targets.map(jobTargetView) } } });
const targetAnswer = (target: JobTarget): WatchJobResponse => ({ kind: { $case: 'target', value: jobTargetView(target) } });
const pieceAnswer = ({ target: { targetId, name }, progress: { stderr, offset, data } }: LivePiece): WatchJobResponse =>
  ({ kind: { $case: 'output', value: { targetId, targetName: name, stderr, offset, data } } });
const jobAnswer = (job: Job, counts = {}): WatchJobResponse => ({ kind: { $case: 'job', value: jobView(job, counts) } });
