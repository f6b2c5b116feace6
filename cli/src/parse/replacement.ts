import { durationFromMs, durationToMs } from '@wombat/proto';
import { ReplacementMode, type ReplacementPolicy } from '@wombat/proto/control';
import { span } from '../output/time.js';
import { UsageError } from '../usage-error.js';
import { parseDurationMs } from './duration.js';

/** "never", "ask", or how long a host is lost before its nodes are replaced. */
export function parseReplacement(text: string): ReplacementPolicy {
  if (text === 'never') return { mode: ReplacementMode.NEVER, after: undefined };
  if (text === 'ask') return { mode: ReplacementMode.ASK, after: undefined };
  if (/^\d/.test(text)) return { mode: ReplacementMode.AFTER, after: durationFromMs(parseDurationMs(text, '--replace')) };
  throw new UsageError(`--replace wants never, ask, or a time such as 10m: ${JSON.stringify(text)}`);
}

/** For what is said of a family. */
export function replacementText(policy: ReplacementPolicy | undefined): string {
  switch (policy?.mode) {
    case ReplacementMode.ASK:
      return 'ask (wo host replace HOST)';
    case ReplacementMode.AFTER:
      return `when their host has been lost for ${span(durationToMs(policy.after) ?? 0)}`;
    default:
      return 'never';
  }
}
