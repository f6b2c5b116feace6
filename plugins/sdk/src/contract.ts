/** What plugin authors need of the contracts, so that a plugin imports nothing but this package. */
export {
  FailureKind, JoinOrder, MachineState, NoteLevel, PluginKind,
} from '@wombat/proto/plugin';
export type {
  CreateHostResult, Description, DestroyHostResult, FirewallRule, HardwareProfile, HostSpec, Image, Machine, Member, Note, Price,
  ProviderAbilities, ProviderFailure, Quota, Region, Zone,
} from '@wombat/proto/plugin';
export { Unit } from '@wombat/proto/types';
export type { Action, Attribute, AttributeValue, Quantity, Step } from '@wombat/proto/types';
export { backoffMs, durationFromMs, durationToMs, isId, orAborted, systemClock, withDeadline, WombatError } from '@wombat/proto';
export type { BackoffOptions, Clock } from '@wombat/proto';
