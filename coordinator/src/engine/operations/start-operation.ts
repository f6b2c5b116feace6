import { WombatError } from '@wombat/proto';
import type { Operation, OperationKind, Wish } from '../../domain/model/operation.js';
import type { Transaction } from '../../store/store.js';
import { operationEvent } from '../events.js';
import { heldBy, holderOf } from '../family-lock.js';
import { carryOut, familiesOf } from './carry-out.js';
import type { OperationTools } from './operation-tools.js';

export interface Asked {
  readonly wish: Wish;
  readonly principal: string;
  /** For people: "stop web-1". */
  readonly name: string;
  /** Wait so long for the turn; undefined: not at all. */
  readonly waitMs: number | undefined;
}

/** Of all families together. */
const maximumWaiting = 1_000;

/**
 * Starts what is wanted, or stores it to be started when nobody holds any more what it needs.
 * @throws WombatError WO_CONFLICT naming who holds it, when it shall not wait; whatever the planning refuses
 */
export async function startOperation(tools: OperationTools, transaction: Transaction, asked: Asked): Promise<Operation> {
  const { wish, principal, waitMs } = asked;
  const familyIds = await familiesOf(transaction, wish);
  const holder = await holderOf(transaction, familyIds);
  if (!holder) return carryOut(tools, transaction, wish, { principal });
  if (waitMs === undefined) throw heldBy(holder, await calledFor(transaction, familyIds, holder));
  if ((await transaction.operations.count({ state: 'waiting' })) >= maximumWaiting) {
    throw new WombatError('WO_CONFLICT', `${maximumWaiting} operations wait for their turn already`, { hint: 'see them: wo operation list --state waiting' });
  }
  const now = tools.clock.now();
  const [only, ...more] = familyIds;
  const waiting = await transaction.operations.insert({
    id: tools.ids.next('op'), name: asked.name.slice(0, 64), generation: 1, observedGeneration: 0, kind: kindOf(wish), state: 'waiting',
    familyId: more.length === 0 ? only! : '', ...(more.length === 0 ? {} : { familyIds }), principal, plan: [], progress: { total: 0, done: 0, failed: 0 },
    waiting: { reason: waitsFor(holder), since: now }, deadline: now + waitMs, wish, turn: await transaction.nextNumber('turn'),
  });
  await transaction.events.append(operationEvent(waiting, 'operation.waiting', `${principal} asks to ${waiting.name}, which waits: ${waitsFor(holder)}`));
  return waiting;
}

export function waitsFor({ id, name, principal }: Operation): string {
  return `its turn comes after operation ${id} (${name}, asked for by ${principal})`;
}

function kindOf(wish: Wish): OperationKind {
  return wish.kind === 'change' ? wish.change : wish.kind;
}

/** The family that the two have in common. */
async function calledFor(transaction: Transaction, familyIds: readonly string[], holder: Operation): Promise<string> {
  const id = familyIds.find((each) => each === holder.familyId || holder.familyIds?.includes(each)) ?? '';
  return `family ${(await transaction.families.names([id])).get(id) ?? id}`;
}
