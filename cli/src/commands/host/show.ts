import { GetHostRequest, GetHostResponse, HostServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { hostEntries } from './view.js';

export const hostShow = defineCommand({
  description: 'What the machine is, how it does, and since when its agent was last heard of.',
  examples: [
    { command: 'wo host show host-k3', explanation: 'by the beginning of its id' },
    { command: 'wo host show host-k3 -o json', explanation: 'all facts, for a program' },
  ],
  arguments: { host: object('host') },
  options: {},
  async run(runtime, { host }) {
    const control = await runtime.control();
    const answer = await control.call(HostServiceService.getHost, GetHostRequest.fromPartial({ host }));
    const found = answer.host!;
    await runtime.print.show(found, GetHostResponse.toJSON(answer), () => hostEntries(found, runtime.clock.now()));
  },
});
