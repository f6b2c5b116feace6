import { groupBy } from '@wombat/proto';
import { HostServiceService, UpdateAgentsRequest, UpdateAgentsResponse, type SkippedHost } from '@wombat/proto/control';
import { defineCommand, many } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag, wholeNumber } from '../../options.js';
import { foldNames } from '../../output/fold-names.js';
import { sanitise } from '../../output/sanitise.js';
import { followStarted } from '../../progress/follow-started.js';
import type { Runtime } from '../../runtime.js';
import { UsageError } from '../../usage-error.js';
import { detachOption, dryRunOption, operationTimeoutHelp } from '../common.js';
import { printPlan } from '../operation/view.js';

const mostAtOnce = 1_000;

export const hostUpdate = defineCommand({
  description: [
    'Brings the agents of hosts to the package that this coordinator has: first some alone, then the others in waves. Nodes and commands run on meanwhile,',
    'consoles end. An agent that has not come back after 60 seconds goes back to its version by itself; then no further one is begun.',
  ].join('\n'),
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo host update --all --dry-run', explanation: 'which hosts, and why the others are left' },
    { command: 'wo host update --all', explanation: 'one host alone, then ten at once' },
    { command: 'wo host update rack-7 rack-8 --canary 0', explanation: 'two hosts at once' },
  ],
  arguments: { hosts: many('ids, names or beginnings of ids of hosts', { label: 'HOST', completes: 'host' }) },
  options: {
    all: flag('--all', 'every host whose agent runs another package'),
    canary: wholeNumber('--canary <n>', 'so many alone, before any other is begun; 1 when left out', { maximum: mostAtOnce }),
    atOnce: wholeNumber('--at-once <n>', 'so many at once afterwards; 10 when left out', { minimum: 1, maximum: mostAtOnce }),
    ...dryRunOption,
    ...detachOption,
  },
  async run(runtime, { hosts }, { all, canary, atOnce, dryRun, detach }) {
    if (all === hosts.length > 0) throw new UsageError(all ? '--all is for every host' : 'no host is named', 'give hosts, or --all');
    const control = await runtime.control();
    const request = UpdateAgentsRequest.fromPartial({ mutation: newMutation(dryRun), hosts: [...hosts], canary, ...(atOnce && { atOnce }) });
    const answer = await control.call(HostServiceService.updateAgents, request);
    tellSkipped(runtime, answer.skipped);
    const { operation } = answer;
    const toJson = (each: typeof operation): unknown => UpdateAgentsResponse.toJSON({ ...answer, operation: each });
    if (!operation) {
      if (runtime.print.isForPrograms) await runtime.print.json(toJson(undefined));
      else runtime.print.tell('nothing to do');
      return 0;
    }
    if (dryRun) {
      await printPlan(runtime, operation, toJson(operation));
      return 0;
    }
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation, { detach, toJson, ...(timeout && { waitMs: timeout }) });
  },
});

function tellSkipped({ print }: Runtime, skipped: readonly SkippedHost[]): void {
  for (const [reason, hosts] of groupBy(skipped, (each) => each.reason)) print.tell(sanitise(`left: ${foldNames(hosts.map(({ hostName }) => hostName))}: ${reason}`));
}
