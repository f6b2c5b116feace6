import { FailureKind, ProviderError } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';

export const authFailure: Check = {
  name: 'auth-failure',
  promise: 'says that credentials are refused, and that trying again is of no use',
  advice: 'Answer a failure of the kind AUTH, without `may_retry`, from Verify or already from Configure.',
  needs: ({ options }) => (options.authFailure ? undefined : 'no credentials were given that the provider refuses'),
  async run(context) {
    const { settings, begin, end } = context.options.authFailure!;
    await begin?.();
    const site = context.newSite({ ...context.settings, ...settings });
    try {
      const failure = await site.subject().then(async (subject) => await subject.failureOf(methods.verify, {}), (error: unknown) => ProviderError.from(error));
      expect(failure.kind === FailureKind.AUTH, `the failure is of the kind ${FailureKind[failure.kind]}: ${failure.message}`);
      expect(!failure.mayRetry, 'the failure says that it may be retried');
    } finally {
      await site.discard();
      await end?.();
    }
  },
};
