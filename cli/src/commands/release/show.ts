import { GetReleaseRequest, GetReleaseResponse, ReleaseServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { releaseEntries } from './view.js';

export const releaseShow = defineCommand({
  description: 'The manifest as the coordinator has filled it in, and the artifacts.',
  examples: [
    { command: 'wo release show Riak', explanation: 'by name' },
    { command: 'wo release show rel-k3 -o json', explanation: 'for a program' },
  ],
  arguments: { release: object('release') },
  options: {},
  async run(runtime, { release }) {
    const control = await runtime.control();
    const answer = await control.call(ReleaseServiceService.getRelease, GetReleaseRequest.fromPartial({ release }));
    const found = answer.release!;
    await runtime.print.show(found, GetReleaseResponse.toJSON(answer), () => releaseEntries(found, runtime.clock.now()));
  },
});
