import { quoted, type Clock } from '@wombat/proto';
import { brakeWindowMs, isHeld, type Silence } from '../../domain/healing/brake.js';
import { placeName, placeOf } from '../../domain/healing/domain-place.js';
import type { NewEvent } from '../../domain/model/event.js';
import type { Domain } from '../../domain/model/family.js';
import type { Host, HostPhase } from '../../domain/model/host.js';
import { fitsDomain } from '../../domain/placement/host-pool.js';
import { silentPhases } from '../../domain/states/host-states.js';
import type { Reader, Store, Transaction } from '../../store/store.js';

/** A domain in which nothing is replaced for the moment. */
export interface HeldBrake {
  /** The place and shape of its hosts, for people. */
  readonly name: string;
  readonly since: number;
}

/** By `placeOf` the domain. */
export type HeldBrakes = Readonly<Record<string, HeldBrake>>;

const key = 'healing.brakes';
/** Hosts that have had a session, and are wanted. */
const judgedPhases: readonly HostPhase[] = ['up', 'draining', ...silentPhases];

/** Those that are held; no object is read. */
export async function heldBrakes(read: Pick<Reader, 'meta'>): Promise<HeldBrakes> {
  return JSON.parse((await read.meta.get(key)) ?? '{}') as HeldBrakes;
}

/** Stored, so that a coordinator that starts in the middle of a meltdown does not begin to replace. */
export class Brakes {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** There is one question for all domains. */
  async all(): Promise<readonly string[]> {
    return ['all'];
  }

  async reconcile(): Promise<void> {
    const { read } = this.store;
    const silent = await read.hosts.count({ phase: silentPhases });
    if (silent === 0 && Object.keys(await heldBrakes(read)).length === 0) return;
    await this.store.transaction((transaction) => this.judge(transaction));
  }

  /** Takes and releases them by what is silent now, with one event for each change. */
  async judge(transaction: Transaction): Promise<HeldBrakes> {
    const before = await heldBrakes(transaction);
    const hosts = (await transaction.hosts.find({ phase: judgedPhases })).filter(({ desired }) => desired === 'present');
    const held: Record<string, HeldBrake> = {};
    let hasChanged = false;
    for (const [place, domain] of await places(transaction)) {
      const there = hosts.filter((host) => fitsDomain(host, domain));
      const silence = this.#silenceOf(there);
      const was = before[place];
      const is = isHeld(silence, was !== undefined);
      if (is) held[place] = was ?? { name: await this.#nameOf(transaction, domain), since: this.clock.now() };
      if (is === (was !== undefined)) continue;
      hasChanged = true;
      const name = (held[place] ?? was)!.name;
      const message = is ? heldMessage(name, silence, there.find(isSilent)!) : resumedMessage(name, silence);
      await transaction.events.append(brakeEvent(domain, name, is ? 'held' : 'resumed', message, silence));
    }
    // A domain that is no more takes its brake with it.
    if (hasChanged || Object.keys(before).some((place) => !(place in held))) await transaction.meta.set(key, JSON.stringify(held));
    return held;
  }

  #silenceOf(hosts: readonly Host[]): Silence {
    const silent = hosts.filter(isSilent);
    const recent = silent.filter(({ silentSince, phaseSince }) => this.clock.now() - (silentSince ?? phaseSince) <= brakeWindowMs);
    return { hosts: hosts.length, silent: silent.length, recent: recent.length };
  }

  async #nameOf(transaction: Transaction, domain: Domain): Promise<string> {
    return placeName(domain, (await transaction.providers.get(domain.providerId))?.name ?? domain.providerId);
  }
}

/** Hosts that never come back would hold it for ever. */
export function giveUpHint({ name }: Pick<Host, 'name'>): string {
  return `a machine that is gone for good counts until it is given up: wo host replace ${quoted(name)} --fenced`;
}

function brakeEvent({ providerId }: Domain, name: string, reason: 'held' | 'resumed', message: string, silence: Silence): NewEvent {
  return { type: `healing.${reason}`, subjectId: providerId, subjectName: name, reason, message, payload: { ...silence } };
}

function heldMessage(name: string, { hosts, recent }: Silence, silent: Host): string {
  return `${recent} of ${hosts} hosts of ${name} fell silent within ${brakeWindowMs / 60_000} min: no node there is replaced until less than 20 % are silent; ${giveUpHint(silent)}`;
}

function resumedMessage(name: string, { hosts, silent }: Silence): string {
  return `${silent} of ${hosts} hosts of ${name} are silent: nodes of lost hosts are replaced again`;
}

function isSilent({ phase }: Host): boolean {
  return silentPhases.includes(phase);
}

async function places(transaction: Transaction): Promise<Map<string, Domain>> {
  return new Map((await transaction.domains.find({})).map((domain) => [placeOf(domain), domain]));
}
