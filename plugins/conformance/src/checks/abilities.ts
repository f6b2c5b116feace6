import { status, type MethodDefinition } from '@grpc/grpc-js';
import type { ProviderAbilities } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';
import { nameOf, statusOf } from '../run/subject.js';

interface Asked {
  readonly ability: keyof ProviderAbilities;
  readonly method: MethodDefinition<never, unknown>;
  readonly request: unknown;
}

export const abilities: Check = {
  name: 'abilities',
  promise: 'optional calls answer where the ability is flagged, and UNIMPLEMENTED where it is not',
  advice: 'The flags of DescribeProvider are what the coordinator goes by.',
  async run(context) {
    const { abilities: flags } = await context.describe();
    const subject = await context.subject();
    const made = flags?.consoleLog ? await subject.create(await context.spec()) : undefined;
    const { region } = await context.spec();
    const asked: readonly Asked[] = [
      { ability: 'firewall', method: methods.ensureFirewall as never, request: { group: 'conformance-abilities', rules: [] } },
      { ability: 'quota', method: methods.getQuota as never, request: { region } },
      { ability: 'prices', method: methods.listPrices as never, request: { region } },
      { ability: 'consoleLog', method: methods.getConsoleLog as never, request: { machineId: made?.machineId ?? 'conformance' } },
    ];
    for (const { ability, method, request } of asked) {
      if (flags?.[ability]) {
        await subject.call(method, request as never).catch((error: Error) => expect(false, `${nameOf(method)} is flagged and fails: ${error.message}`));
      } else {
        const failure = await subject.failureOf(method, request as never);
        expect(statusOf(failure) === status.UNIMPLEMENTED, `${nameOf(method)} is not flagged and fails with ${status[statusOf(failure) ?? status.UNKNOWN]}`);
      }
    }
    if (made) await subject.destroy(made);
  },
};
