import type { BootstrapStrategyPlugin, CallContext, Note, ProviderInstance, StrategyOptions } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { FirewallRule } from '@wombat/proto/plugin';
import type { Provider } from '../domain/model/provider.js';

/** The part of a logger that the engine uses (pino's order of arguments). */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A provider that can be called: deadlines kept, answers checked, errors named after it. */
export type ProviderCalls = Pick<ProviderInstance, 'createHosts' | 'destroyHosts' | 'listHosts' | 'verify' | 'listImages' | 'listHardwareProfiles'> & {
  /** Makes the rules of a group exactly these; without rules the group may be removed. Answers those that nobody had asked for. */
  ensureFirewall(group: string, rules: readonly FirewallRule[], context: CallContext): Promise<readonly FirewallRule[]>;
  /** Whether a machine is in every list from the moment that it exists. */
  readonly listsAtOnce: boolean;
};

/** A provider before it is stored. */
export interface ProviderDraft {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  /** Secrets included. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface ProviderDirectory {
  /** Connects on the first call. @throws WombatError WO_DRIVER_UNKNOWN, WO_PROVIDER_... */
  get(provider: Provider): Promise<ProviderCalls>;
  /** To try settings with before they are stored; the caller closes it. */
  open(draft: ProviderDraft): ProviderCalls & { close(): Promise<void> };
  /** The provider is no more. */
  remove(providerId: string): Promise<void>;
}

/** Whether machines of this driver let in only what the rules of their family say. False of a driver that there is not. */
export type EnforcesFirewall = (driver: string) => boolean;

type Asked<M extends 'planInputs' | 'planJoin' | 'planCheck' | 'readMembers' | 'planLeave'> =
  (request: Parameters<BootstrapStrategyPlugin[M]>[0], context: CallContext) => Promise<Awaited<ReturnType<BootstrapStrategyPlugin[M]>>>;

/**
 * A bootstrap strategy that can be asked: deadlines kept, answers checked, errors named after it. It may run as a program: no
 * transaction is held while it is asked. WO_PLUGIN_UNAVAILABLE says that it may answer later.
 */
export interface StrategyCalls {
  readonly joinOrder: BootstrapStrategyPlugin['joinOrder'];
  validate(options: StrategyOptions, context: CallContext): Promise<readonly Note[]>;
  readonly planInputs: Asked<'planInputs'>;
  readonly planJoin: Asked<'planJoin'>;
  readonly planCheck: Asked<'planCheck'>;
  readonly readMembers: Asked<'readMembers'>;
  readonly planLeave: Asked<'planLeave'>;
}

/** The strategy may answer later. */
export function isUnavailable(error: unknown): error is WombatError {
  return WombatError.is(error) && error.code === 'WO_PLUGIN_UNAVAILABLE';
}

export interface StrategyDirectory {
  /** @throws WombatError WO_STRATEGY_UNKNOWN */
  strategy(name: string): StrategyCalls;
}

/** Seals and opens secrets; `owner` is the id of the row that holds them. */
export interface Secrets {
  seal(owner: string, plain: Uint8Array): string;
  open(owner: string, sealed: string): Uint8Array;
}

/** Takes a host's certificates away. */
export interface HostRevoker {
  revoke(hostId: string, reason: string): Promise<void>;
}
