import { WombatError } from '@wombat/proto';
import { type Sample as SampleMessage, TargetKind as KindMessage, type MatchedTarget, type MatchTargetsResponse } from '@wombat/proto/control';
import { runs, type JobTargetRef } from '../../engine/jobs/job-target-ref.js';
import type { Asked, Resolution } from '../../engine/jobs/resolve-targets.js';
import type { Reader } from '../../store/store.js';
import { sampleOf } from './sample.js';

const kinds = { [KindMessage.NODES]: { on: 'nodes' }, [KindMessage.HOSTS]: { on: 'hosts' }, [KindMessage.UNSPECIFIED]: {} } as const;

/** @throws WombatError WO_INVALID_ARGUMENT */
export function askedFor({ expression, on, sample }: { readonly expression: string; readonly on: KindMessage; readonly sample: SampleMessage | undefined }): Asked {
  const kind = Object.hasOwn(kinds, on) ? kinds[on as keyof typeof kinds] : undefined;
  if (!kind) throw new WombatError('WO_INVALID_ARGUMENT', 'this kind of target is not known', { hint: 'a newer wo may have asked: compare the versions: wo version' });
  return { expression, ...kind, ...(sample && { sample: sampleOf(sample) }) };
}

/** Some of the targets at a time: a message has its limit, and names are read for them. */
const targetsAtOnce = 500;

export async function* matchAnswers(read: Reader, { text, targets }: Resolution): AsyncGenerator<MatchTargetsResponse> {
  const families = await read.families.names(targets.flatMap((target) => (target.kind === 'node' ? [target.familyId] : [])));
  for (let start = 0; start < targets.length; start += targetsAtOnce) {
    const some = targets.slice(start, start + targetsAtOnce);
    const hosts = await read.hosts.names(some.map(({ hostId }) => hostId));
    yield { kind: { $case: 'targets', value: { targets: some.map((target) => view(target, hosts, families)) } } };
  }
  yield {
    kind: {
      $case: 'summary',
      value: {
        expression: text, targetCount: targets.length, skippedCount: targets.filter((target) => !runs(target)).length,
        families: countsOf(targets.flatMap((target) => (target.kind === 'node' ? [families.get(target.familyId) ?? target.familyId] : []))),
        phases: countsOf(targets.map(({ phase }) => phase)),
      },
    },
  };
}

type Names = ReadonlyMap<string, string>;

function view(target: JobTargetRef, hosts: Names, families: Names): MatchedTarget {
  const familyId = target.kind === 'node' ? target.familyId : '';
  return {
    id: target.targetId, name: target.targetName, phase: target.phase, hostId: target.hostId, hostName: hosts.get(target.hostId) ?? '',
    familyId, familyName: families.get(familyId) ?? '',
  };
}

function countsOf(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries(counts);
}
