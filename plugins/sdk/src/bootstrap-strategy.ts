import type { Description, JoinOrder, Member, Note } from '@wombat/proto/plugin';
import type { Step } from '@wombat/proto/types';
import type { CallContext } from './provider.js';

/** Options of a family's bootstrap, as given: `--clust-opt KEY:VALUE`. */
export type StrategyOptions = Readonly<Record<string, string>>;

/** An answer at once, or later: who asks keeps a deadline. */
export type Eventually<T> = T | Promise<T>;

/**
 * Makes nodes form a cluster. Pure: it is given what is known and answers steps as data, which the
 * engine journals and runs on the nodes.
 */
export interface BootstrapStrategyPlugin {
  readonly kind: 'bootstrap-strategy';
  readonly description: Description;
  readonly joinOrder: JoinOrder;
  /**
   * It answers nothing to planInputs, which need not be called.
   * @default false
   */
  readonly withoutInputs?: boolean;
  /** Without I/O. */
  validate(options: StrategyOptions, context?: CallContext): Eventually<readonly Note[]>;
  /** Names for templates: {{strategy.NAME}}. */
  planInputs(
    request: { readonly options: StrategyOptions; readonly self: Member; readonly contacts: readonly Member[] },
    context?: CallContext,
  ): Eventually<Readonly<Record<string, string>>>;
  /** Contacts empty: this node is the seed. No steps: it is a member at once. */
  planJoin(
    request: { readonly options: StrategyOptions; readonly familyName: string; readonly self: Member; readonly contacts: readonly Member[] },
    context?: CallContext,
  ): Eventually<readonly Step[]>;
  /** No steps: the strategy forms no cluster that could be checked. */
  planCheck(request: { readonly options: StrategyOptions; readonly self: Member }, context?: CallContext): Eventually<readonly Step[]>;
  /** Reads the output of the check's last step: Erlang names, or node names where there are none. */
  readMembers(
    request: { readonly options: StrategyOptions; readonly self: Member; readonly output: Uint8Array },
    context?: CallContext,
  ): Eventually<readonly string[]>;
  planLeave(
    request: { readonly options: StrategyOptions; readonly leaving: Member; readonly survivors: readonly Member[] },
    context?: CallContext,
  ): Eventually<{ readonly runOnNodeId: string; readonly steps: readonly Step[] }>;
}
