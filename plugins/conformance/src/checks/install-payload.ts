import { FailureKind } from '@wombat/plugin-sdk';
import { expect, type Check } from '../check.js';

export const installPayload: Check = {
  name: 'install-payload',
  promise: 'makes no machine when the install payload is too large for it',
  advice: 'The coordinator refuses to hand out a payload above `max_install_payload_bytes`: ask for the payload before anything is made, and answer that failure for the key.',
  needs: ({ abilities: { maxInstallPayloadBytes } }) => (maxInstallPayloadBytes === 0 ? 'it takes no install payload' : undefined),
  async run(context) {
    const subject = await context.subject();
    const spec = await context.spec();
    context.host.isPayloadTooLarge = true;
    const [result] = await subject.createAll([spec]).finally(() => (context.host.isPayloadTooLarge = false));
    await context.settled();
    const listed = await subject.listOf(spec);
    await subject.destroy(...listed);
    expect(result?.outcome?.$case === 'failure', 'it made a machine without its payload');
    const { kind, message } = result.outcome.value;
    expect(kind === FailureKind.INVALID, `the failure is of the kind ${FailureKind[kind]}: ${message}`);
    expect(listed.length === 0, 'a machine is left');
  },
};
