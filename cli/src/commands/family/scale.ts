import { durationFromMs, WombatError } from '@wombat/proto';
import { DataPolicy, FamilyServiceService, PlanAction, ScaleFamilyRequest, ScaleFamilyResponse } from '@wombat/proto/control';
import { defineCommand, object, required } from '../../command.js';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { flag, readWholeNumber } from '../../options.js';
import { count } from '../../output/words.js';
import { followStarted } from '../../progress/follow-started.js';
import { UsageError } from '../../usage-error.js';
import { noDrainOption, operationOptions } from '../common.js';
import { confirm } from '../confirm.js';
import { askForData, dataOptions, heldText } from '../data.js';
import { printPlan } from '../operation/view.js';

/** How much longer than the operation's own deadline its end is waited for. */
const slackMs = 5_000;

export const familyScale = defineCommand({
  description: [
    'Brings the family to this number of nodes: those that are missing are deployed, those that are too many are drained and removed.',
    'Nodes that do not run go first; then the newest of the host that has the most, in the domain that is furthest above its share.',
  ].join('\n'),
  timeoutHelp: 'deadline of the operation; what is not as asked for by then makes it fail with exit 6',
  examples: [
    { command: 'wo family scale web 6', explanation: 'and watch' },
    { command: 'wo family scale web 2 --dry-run', explanation: 'only show which nodes would come or go' },
    { command: 'wo family scale web 2 --keep-data --yes --wait=10m', explanation: 'in a script, behind whatever goes on' },
  ],
  arguments: { family: object('family'), amount: required('how many nodes it shall have, those counted that are stopped or failed') },
  options: { dryRun: flag('--dry-run', 'plan it and change nothing'), ...dataOptions, ...noDrainOption, ...operationOptions },
  async run(runtime, { family, amount: text }, { dryRun, keepData, deleteData, noDrain, wait, detach }) {
    if (keepData && deleteData) throw new UsageError('--keep-data and --delete-data do not go together');
    const amount = readWholeNumber(text, 'AMOUNT', { maximum: 2 ** 32 - 1 });
    const { timeout } = runtime.flags;
    const control = await runtime.control();
    const planned = await plan(control, { family, amount }, wait);
    if (dryRun) return printPlan(runtime, planned!.operation!, ScaleFamilyResponse.toJSON(planned!));
    const held = heldText(planned?.data ?? []);
    const goes = planned?.operation?.plan.filter(({ action }) => action === PlanAction.REMOVE_NODE).map(({ nodeName }) => nodeName) ?? [];
    const what = planned ? `this removes ${count(goes.length, 'node')}: ${goes.join(', ')}` : `this brings ${family} to ${count(amount, 'node')}, whatever it has then`;
    if (!planned || goes.length > 0) await confirm(runtime, `${what}${deleteData && held ? ` and deletes the data: ${held}` : ''}`, [family]);
    const data = keepData ? DataPolicy.KEEP : deleteData ? DataPolicy.DELETE : await askForData(runtime, held);
    const request = ScaleFamilyRequest.fromPartial({ mutation: newMutation(), family, amount, data, noDrain, ...(wait && { wait }), ...(timeout && { timeout: durationFromMs(timeout) }) });
    const { operation } = await control.call(FamilyServiceService.scaleFamily, request);
    return followStarted(runtime, operation!, { detach, toJson: (each) => ScaleFamilyResponse.toJSON({ operation: each, data: [] }), ...(timeout && { waitMs: timeout + slackMs }) });
  },
});

/** undefined: the family is held, and what will be when its turn comes is not known. */
async function plan(control: Control, request: { family: string; amount: number }, wait: ReturnType<typeof durationFromMs> | undefined): Promise<ScaleFamilyResponse | undefined> {
  try {
    return await control.call(FamilyServiceService.scaleFamily, ScaleFamilyRequest.fromPartial({ mutation: { dryRun: true }, ...request }));
  } catch (error) {
    if (wait && WombatError.is(error) && error.code === 'WO_CONFLICT') return undefined;
    throw error;
  }
}
