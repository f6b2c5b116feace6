import { durationFromMs } from '@wombat/proto';
import { DeployNodesRequest, DeployNodesResponse, FamilyServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag, text, wholeNumber } from '../../options.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { operationOptions } from '../common.js';
import { printPlan } from '../operation/view.js';

/** How much longer than the operation's own deadline the end of the operation is waited for. */
const slackMs = 5_000;

export const familyDeploy = defineCommand({
  description: 'Places more nodes of the family on its domains, starts hosts where some are missing, starts the nodes, and lets them join.',
  timeoutHelp: 'deadline of the operation; what is not running by then makes it fail with exit 6',
  examples: [
    { command: 'wo deploy-nodes "Riak node family" --amount 2', explanation: 'and watch them come up' },
    { command: 'wo deploy-nodes web --amount 50 --dry-run', explanation: 'only show where they would go, and why' },
    { command: 'OP=$(wo deploy-nodes web --amount 50 --detach) && wo operation watch $OP', explanation: 'leave it running, look at it later' },
  ],
  arguments: { family: object('family') },
  options: {
    amount: wholeNumber('--amount <n>', 'how many more nodes', { minimum: 1, maximum: 2 ** 32 - 1 }),
    release: text('--release <release>', 'run this release instead of the family\'s', 'release'),
    dryRun: flag('--dry-run', 'plan it and change nothing'),
    ...operationOptions,
  },
  async run(runtime, { family }, { amount, release = '', dryRun, detach, wait }) {
    if (amount === undefined) throw new UsageError('--amount is missing: how many more nodes?');
    const { timeout } = runtime.flags;
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.deployNodes, DeployNodesRequest.fromPartial({
      mutation: newMutation(dryRun), family, amount, release, ...(wait && { wait }), ...(timeout && { timeout: durationFromMs(timeout) }),
    }));
    if (dryRun) return printPlan(runtime, answer.operation!, DeployNodesResponse.toJSON(answer));
    return followStarted(runtime, answer.operation!, { detach, toJson: (operation) => DeployNodesResponse.toJSON({ operation }), ...(timeout && { waitMs: timeout + slackMs }) });
  },
});
