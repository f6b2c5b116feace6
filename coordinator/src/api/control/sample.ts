import { randomBytes } from 'node:crypto';
import { WombatError } from '@wombat/proto';
import type { Sample as SampleMessage, Share as ShareMessage } from '@wombat/proto/control';
import type { Job, Sample, Share } from '../../domain/model/job.js';

const longestSeed = 64;

/** @throws WombatError WO_INVALID_ARGUMENT */
export function sampleOf({ share, seed }: SampleMessage): Sample {
  if (seed.length > longestSeed) throw new WombatError('WO_INVALID_ARGUMENT', `a seed has at most ${longestSeed} characters`);
  return { share: shareOf(share, 'a sample'), seed: seed || randomBytes(4).toString('hex') };
}

/** @throws WombatError WO_INVALID_ARGUMENT */
export function shareOf(share: ShareMessage | undefined, what: string): Share {
  const { $case, value = 0 } = share?.kind ?? {};
  if ($case === 'number' && value >= 1) return { number: value };
  if ($case === 'percent' && value > 0 && value <= 100) return { percent: value };
  throw new WombatError('WO_INVALID_ARGUMENT', `${what} is a number from 1, or a percentage above 0 and at most 100`, { hint: 'such as 10% or 5' });
}

export function sampleView(sample: Job['sample']): SampleMessage | undefined {
  return sample && { share: shareView(sample.share), seed: sample.seed, of: sample.of };
}

export function shareView(share: Share): ShareMessage {
  return { kind: 'number' in share ? { $case: 'number', value: share.number } : { $case: 'percent', value: share.percent } };
}
