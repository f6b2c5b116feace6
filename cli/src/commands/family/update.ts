import { durationFromMs } from '@wombat/proto';
import { FamilyServiceService, UpdateFamilyRequest, UpdateFamilyResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { duration, flag, pairs, secretPairs, text, texts, wholeNumber } from '../../options.js';
import { SecretReader, secretHelp } from '../../parse/secret.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { operationOptions } from '../common.js';
import { printPlan } from '../operation/view.js';
import { restartOptions, restartSpec } from './restart-options.js';

/** How much longer than the operation's own deadline the end of the operation is waited for. */
const slackMs = 5_000;

export const familyUpdate = defineCommand({
  description: [
    'Changes what the family says, where anything is given, and brings its nodes to it, one after another: each is drained, gets the new release and',
    'environment, is started, and joins its cluster before the next one is taken. Stopped nodes take it without being started. Nodes that do not run come',
    'first, then the oldest. Name, host, address and data of a node stay. The new release is fetched, and the host looked at, before anything is stopped.',
    'The update stops at the first node that fails, and says what runs what: asked for again it goes on, with `--rollback` it goes back.',
    secretHelp,
  ].join('\n'),
  timeoutHelp: 'deadline of the whole update; without one, each node has 15 minutes',
  examples: [
    { command: 'wo family update shop --release "Shop 0.2.0"', explanation: 'another release' },
    { command: 'wo family update shop --env LOG_LEVEL=debug --unset OLD_FLAG', explanation: 'another environment' },
    { command: 'wo family update shop', explanation: 'go on after a failure, or bring nodes to what was changed by wo family env' },
    { command: 'wo family update shop --rollback', explanation: 'back to what ran before' },
    { command: 'wo family update shop --release $RELEASE --wait=30m', explanation: 'behind whatever goes on' },
    { command: 'wo family update shop --release $RELEASE --max-parallel 5 --settle 1m --dry-run', explanation: 'only show which nodes would be changed, and how' },
  ],
  arguments: { family: object('family') },
  options: {
    release: text('--release <release>', 'what the nodes run from now on', 'release'),
    env: pairs('--env <name=value>', 'set a variable; may be repeated'),
    secret: secretPairs('--secret <name=value>', 'set a secret variable; may be repeated'),
    unset: texts('--unset <name>', 'take a variable or secret away; may be repeated'),
    ...restartOptions,
    rollback: flag('--rollback', 'go back to the revision before that nodes ran: release, environment, secrets, restart policy'),
    to: wholeNumber('--to <generation>', 'with --rollback: go back to this one (wo family revisions)', { minimum: 1 }),
    maxParallel: wholeNumber('--max-parallel <n>', 'so many nodes may be away from running at once; 1 when not said', { minimum: 1, maximum: 20_000 }),
    settle: duration('--settle <duration>', 'how long a node must have run before the next one is taken'),
    dryRun: flag('--dry-run', 'plan it and change nothing'),
    ...operationOptions,
  },
  async run(runtime, { family }, options) {
    const { release = '', env, secret, unset, rollback, to, maxParallel = 0, settle, dryRun, wait, detach } = options;
    if (to !== undefined && !rollback) throw new UsageError('--to goes with --rollback');
    const { timeout } = runtime.flags;
    const secrets = await new SecretReader(runtime).readAll(secret);
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.updateFamily, UpdateFamilyRequest.fromPartial({
      mutation: newMutation(dryRun), family, release, environment: { ...env }, secrets, unset: [...unset], restart: restartSpec(options), rollback, toGeneration: BigInt(to ?? 0), maxParallel,
      ...(settle !== undefined && { settle: durationFromMs(settle) }), ...(wait && { wait }), ...(timeout && { timeout: durationFromMs(timeout) }),
    }));
    if (dryRun) return printPlan(runtime, answer.operation!, UpdateFamilyResponse.toJSON(answer));
    return followStarted(runtime, answer.operation!, { detach, toJson: (operation) => UpdateFamilyResponse.toJSON({ operation }), ...(timeout && { waitMs: timeout + slackMs }) });
  },
});
