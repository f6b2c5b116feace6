import { groupBy, WombatError } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { placeOf } from '../../domain/healing/domain-place.js';
import { outlookOf } from '../../domain/healing/outlook.js';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { StoredError, Waiting } from '../../domain/model/object.js';
import { silentPhases } from '../../domain/states/host-states.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Reader, Store, Transaction } from '../../store/store.js';
import { joinsCluster } from '../bootstrap/joins-cluster.js';
import { hostPhaseEvent, storedError } from '../events.js';
import type { PlacementTools } from '../place-nodes.js';
import type { StrategyDirectory } from '../ports.js';
import { Ages } from './ages.js';
import { heldBrakes, type Brakes, type HeldBrakes } from './brakes.js';
import { describeOutlooks, nodeReason, type FamilyOutlook } from './describe-outlook.js';
import { nodesToReplace, replaceNodes } from './replace-nodes.js';

export interface HealingControllerOptions extends PlacementTools {
  readonly store: Store;
  readonly strategies: StrategyDirectory;
  readonly brakes: Brakes;
  /** From `unknown` to `lost`. */
  readonly lostAfterMs: number;
  /** After the coordinator's own start nobody is lost, and nothing is replaced, for so long. */
  readonly startGraceMs: number;
  /** A clock that stands still with the coordinator. @default the monotonic one */
  readonly awakeMs?: () => number;
}

/** What could not be done is tried again after this. */
const retryMs = 15_000;
/** A time that is told is not corrected for less. */
const smallestChangeMs = 2_000;

/**
 * What becomes of silent hosts and of their nodes. A machine is never destroyed for its silence.
 *
 * unknown -> lost   after `lostAfterMs`, with one event
 * lost              for each family on it, as its policy says: its nodes wait, wait to be asked for, or are replaced
 */
export class HealingController {
  readonly #options: HealingControllerOptions;
  readonly #awakeMs: () => number;
  readonly #startedAtMs: number;
  readonly #ages: Ages;
  /** "host/family" -> why it was not replaced, and when that is tried again. */
  readonly #refused = new Map<string, { readonly error: StoredError; readonly retryAtMs: number }>();

  constructor(options: HealingControllerOptions) {
    this.#options = options;
    this.#awakeMs = options.awakeMs ?? (() => options.clock.monotonic());
    this.#startedAtMs = this.#awakeMs();
    this.#ages = new Ages(options.clock, this.#awakeMs);
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.hosts.ids({ phase: silentPhases });
  }

  async reconcile(hostId: string): Promise<number | void> {
    const host = await this.#options.store.read.hosts.get(hostId);
    if (!host || !silentPhases.includes(host.phase) || host.desired === 'absent') return this.#forget(hostId);
    const graceMs = this.#startedAtMs + this.#options.startGraceMs - this.#awakeMs();
    const ageMs = this.#ages.ageMs(host.id, host.phaseSince);
    if (graceMs > 0) return graceMs;
    if (host.phase === 'lost') return this.#heal(host, ageMs);
    const leftMs = this.#options.lostAfterMs - ageMs;
    if (leftMs > 0) return leftMs;
    await this.#options.store.transaction((transaction) => this.#lost(transaction, host.id));
  }

  async #lost(transaction: Transaction, hostId: string): Promise<void> {
    const host = await transaction.hosts.get(hostId);
    if (!host || host.phase !== 'unknown') return;
    const lost: Host = { ...host, phase: 'lost', phaseSince: this.#options.clock.now() };
    const outlooks = await this.#outlooks(transaction, lost, 0);
    const waiting = await this.#waitingOf(transaction, lost, outlooks);
    const told = await transaction.hosts.update({ ...lost, waiting });
    await transaction.events.append(hostPhaseEvent(told, `${host.name} is lost, ${host.waiting?.reason ?? 'it is silent'}: ${waiting.reason}`));
    await this.#tellNodes(transaction, lost, outlooks);
  }

  /** Replaces what is due, and says what is to come. */
  async #heal(host: Host, lostForMs: number): Promise<number | undefined> {
    const { store } = this.#options;
    for (const { family, outlook } of await this.#outlooks(store.read, host, lostForMs)) {
      if (outlook.kind === 'replaced' && outlook.inMs <= 0 && this.#retryInMs(host, family) <= 0) await this.#replace(host, family, lostForMs);
    }
    const outlooks = await this.#outlooks(store.read, host, lostForMs);
    await store.transaction((transaction) => this.#tell(transaction, host.id, outlooks));
    const waits = outlooks.map(({ family, outlook }) => (outlook.kind === 'replaced' ? Math.max(outlook.inMs, this.#retryInMs(host, family)) : Infinity));
    const nextMs = Math.min(...waits);
    return Number.isFinite(nextMs) ? nextMs : undefined;
  }

  async #replace(host: Host, family: Family, lostForMs: number): Promise<void> {
    const { store, strategies } = this.#options;
    const key = `${host.id}/${family.id}`;
    try {
      // Cheap, for as long as a meltdown lasts; what has fallen silent since is judged below.
      await refuseWhileHeld(store.read, await heldBrakes(store.read), host, family);
      await failpoint('coordinator.healing.before-replace');
      await store.transaction(async (transaction) => {
        const [current, still] = [await transaction.hosts.get(host.id), await transaction.families.get(family.id)];
        if (current?.phase !== 'lost' || current.phaseSince !== host.phaseSince || still?.replacement?.mode !== 'after') return;
        await refuseWhileHeld(transaction, await this.#options.brakes.judge(transaction), host, still);
        await replaceNodes(this.#options, transaction, {
          host: current, family: still, principal: 'healing', joins: joinsCluster(strategies, still), fenced: false, reason: `${host.name} has been lost for ${Math.round(lostForMs / 1_000)} s`,
        });
      });
    } catch (error) {
      this.#refused.set(key, { error: storedError(error), retryAtMs: this.#awakeMs() + retryMs });
      return;
    }
    this.#refused.delete(key);
    await failpoint('coordinator.healing.after-replace');
  }

  async #outlooks(read: Pick<Reader, 'nodes' | 'families'>, host: Host, lostForMs: number): Promise<FamilyOutlook[]> {
    const outlooks: FamilyOutlook[] = [];
    for (const [familyId, nodes] of groupBy(await nodesToReplace(read, host.id), (node) => node.familyId)) {
      const family = await read.families.get(familyId);
      if (!family) continue;
      const refused = this.#refused.get(`${host.id}/${familyId}`)?.error;
      outlooks.push({ family, nodes, outlook: outlookOf(family.replacement, lostForMs), ...(refused ? { refused } : {}) });
    }
    return outlooks;
  }

  /** A brake has told of itself, for all hosts that it holds. */
  async #tell(transaction: Transaction, hostId: string, outlooks: readonly FamilyOutlook[]): Promise<void> {
    const host = await transaction.hosts.get(hostId);
    if (!host || host.phase !== 'lost') return;
    const waiting = await this.#waitingOf(transaction, host, outlooks);
    const isNews = waiting.reason !== host.waiting?.reason;
    if (!isNews && Math.abs((waiting.nextTryAt ?? 0) - (host.waiting?.nextTryAt ?? 0)) < smallestChangeMs) return;
    const told = await transaction.hosts.update({ ...host, waiting });
    await this.#tellNodes(transaction, host, outlooks);
    const refused = outlooks.find((each) => each.refused !== undefined && each.refused.code !== 'WO_HEALING_HELD')?.refused;
    if (isNews && refused) await transaction.events.append({ ...hostPhaseEvent(told, `${host.name}: ${waiting.reason}`), type: 'host.not-replaced', reason: refused.code });
  }

  async #tellNodes(transaction: Transaction, host: Host, outlooks: readonly FamilyOutlook[]): Promise<void> {
    for (const each of outlooks) {
      const waiting = { reason: nodeReason(host.name, each), ...this.#timesOf(host, [each]) };
      for (const { id } of each.nodes) {
        const node = await transaction.nodes.get(id);
        if (node?.phase === 'unknown' && node.desired === 'running') await transaction.nodes.update({ ...node, waiting });
      }
    }
  }

  async #waitingOf(transaction: Transaction, host: Host, outlooks: readonly FamilyOutlook[]): Promise<Waiting> {
    const leaving = await transaction.nodes.count({ hostId: host.id, desired: 'absent', phase: presentPhases });
    return { reason: describeOutlooks(host, outlooks, leaving), ...this.#timesOf(host, outlooks) };
  }

  #timesOf(host: Host, outlooks: readonly FamilyOutlook[]): Omit<Waiting, 'reason'> {
    const soonestMs = Math.min(...outlooks.map(({ outlook, refused }) => (outlook.kind === 'replaced' && refused === undefined ? outlook.inMs : Infinity)));
    return { since: host.silentSince ?? host.phaseSince, ...(Number.isFinite(soonestMs) ? { nextTryAt: this.#options.clock.now() + soonestMs } : {}) };
  }

  #retryInMs(host: Host, family: Family): number {
    return (this.#refused.get(`${host.id}/${family.id}`)?.retryAtMs ?? -Infinity) - this.#awakeMs();
  }

  #forget(hostId: string): void {
    this.#ages.forget(hostId);
    for (const key of this.#refused.keys()) if (key.startsWith(`${hostId}/`)) this.#refused.delete(key);
  }
}

/** @throws WombatError WO_HEALING_HELD when a node to be replaced is in a domain whose brake is held */
async function refuseWhileHeld(read: Pick<Reader, 'nodes' | 'domains'>, held: HeldBrakes, host: Host, family: Family): Promise<void> {
  if (Object.keys(held).length === 0) return;
  for (const node of await nodesToReplace(read, host.id)) {
    const domain = node.familyId === family.id ? await read.domains.get(node.domainId) : undefined;
    const brake = domain && held[placeOf(domain)];
    if (brake) throw new WombatError('WO_HEALING_HELD', `too many hosts of ${brake.name} are silent`);
  }
}
