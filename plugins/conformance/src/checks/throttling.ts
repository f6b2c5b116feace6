import { FailureKind } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';

export const throttling: Check = {
  name: 'throttling',
  promise: 'says that it is throttled, and for how long, instead of sleeping',
  advice: 'Answer a failure of the kind THROTTLED with `may_retry` and `retry_after`; turn off the retries of the provider\'s library.',
  needs: ({ options }) => (options.throttling ? undefined : 'nothing was given that makes the provider throttle'),
  async run(context) {
    const { settings, begin, end } = context.options.throttling!;
    const site = settings ? context.newSite({ ...context.settings, ...settings }) : context.site;
    const subject = await site.subject();
    await begin?.();
    const startedAt = performance.now();
    const failure = await subject.failureOf(methods.listHosts, { clusterId: subject.clusterId }).finally(end);
    const tookMs = performance.now() - startedAt;
    if (settings) await site.discard();
    expect(failure.kind === FailureKind.THROTTLED, `the failure is of the kind ${FailureKind[failure.kind]}: ${failure.message}`);
    expect(failure.mayRetry, 'the failure says that it may not be retried');
    expect((failure.retryAfterMs ?? 0) > 0, 'the failure does not say after what time it may be retried');
    expect(tookMs <= context.bounds.throttledMs, `it said so after ${Math.round(tookMs)} ms`);
  },
};
