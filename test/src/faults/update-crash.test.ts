import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs } from '@wombat/proto';
import type { FailpointName } from '@wombat/proto/failpoints';
import { FamilyServiceService, OperationState, UpdateFamilyRequest, type Operation } from '@wombat/proto/control';
import t from 'tap';
import { FaultStage } from '../support/faults/fault-stage.js';
import { insist } from '../support/faults/insist.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { lastSequence, mostAway } from '../support/most-away.js';
import { chooseSeed } from '../support/seeded-random.js';
import { notYet, until } from '../support/until.js';

const points: readonly { readonly name: FailpointName; readonly passing: number }[] = [
  { name: 'coordinator.update.before-take', passing: 1 }, { name: 'coordinator.update.after-take', passing: 1 },
  { name: 'coordinator.update.before-take', passing: 2 }, { name: 'coordinator.update.after-take', passing: 2 },
  { name: 'coordinator.operation.before-finish', passing: 1 }, { name: 'coordinator.operation.after-finish', passing: 1 },
  { name: 'coordinator.turn.before-start', passing: 1 }, { name: 'coordinator.turn.after-start', passing: 1 },
];

/** One of them in every run, all of them with `scripts/test --full`. */
const seed = Number(chooseSeed());
const chosen = process.env['WOMBAT_TEST_FULL'] ? points : [points[seed % points.length]!];
t.setTimeout(120_000 + chosen.length * 60_000);

t.test(`F1: a coordinator that dies at any step of an update goes on with it, and with the next one that waits, WOMBAT_SEED=${seed}`, async (t) => {
  const stage = await FaultStage.open(t);
  const { workshop, family } = stage;
  await workshop.ok('deploy-nodes', family, '--amount', '2');
  for (const point of chosen) {
    await t.test(`it dies at passing ${point.passing} of ${point.name}`, async (t) => {
      const nodes = await workshop.untilRunning(2);
      const before = startsOf(stage);
      const from = await lastSequence(workshop);
      await stage.begin(point);
      const round = `${point.name}@${point.passing}`;
      // While a node shows that it is steady, the second has time to be asked for.
      const first = await update(stage, { environment: { ROUND: `first ${round}` }, settle: durationFromMs(1_000) });
      const second = await update(stage, { environment: { ROUND: `second ${round}` }, wait: durationFromMs(60_000) });
      for (const operation of [await ended(stage, first), await ended(stage, second)]) {
        t.match(operation, { state: OperationState.SUCCEEDED, progress: { total: 2, done: 2, failed: 0 } }, `${nameOf(operation)} has done what was asked for`);
      }
      t.ok(stage.hasActed(point.name), 'the coordinator has died there');
      t.match(await workshop.ok('exec', family, '--', 'sh', '-c', 'echo "$ROUND"'), new RegExp(`second ${round}`), 'the nodes run what was asked for last');
      t.strictSame(startsOf(stage), before.map((starts) => starts + 2), 'each was started once for each update');
      t.strictSame((await workshop.untilRunning(2)).map(idOf).sort(), nodes.map(idOf).sort(), 'and is the node that it was');
      t.equal(await mostAway(workshop, from), 1, 'never more than one was away from running');
    });
  }
});

async function update({ workshop, family }: FaultStage, request: Partial<UpdateFamilyRequest>): Promise<Operation> {
  const asked = UpdateFamilyRequest.fromPartial({ mutation: { requestId: randomUUID() }, family, ...request });
  return (await insist(() => workshop.coordinator.control.call(FamilyServiceService.updateFamily, asked))).operation!;
}

function ended({ workshop }: FaultStage, { metadata }: Operation): Promise<Operation> {
  return until(`${metadata?.name} has ended`, async () => {
    const seen = await insist(() => workshop.fleet.operation(metadata!.id));
    return seen.finishedAt ? seen : notYet({ state: OperationState[seen.state], progress: seen.progress, waiting: seen.waiting?.reason });
  }, { withinMs: 60_000 });
}

/** How often each node was started, in the order of their directories. */
function startsOf({ workshop }: FaultStage): number[] {
  return workshop.nodeDirectories().map((node) => readFileSync(join(node, 'data', 'starts'), 'utf8').trimEnd().split('\n').length);
}
