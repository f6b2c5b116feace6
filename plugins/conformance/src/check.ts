import type { ProviderAbilities } from '@wombat/plugin-sdk';
import type { Context } from './run/context.js';
import type { ConformanceOptions } from './options.js';

/** What decides whether a check can say something. */
export interface Given {
  readonly abilities: ProviderAbilities;
  /** Names of the settings that are secret. */
  readonly secrets: readonly string[];
  readonly options: ConformanceOptions;
}

/** One promise of a plugin, and how it is seen to be kept. `C` is what it needs of a run; a provider's checks need all of it. */
export interface Check<C = Context, G = Given> {
  /** As the file is named. */
  readonly name: string;
  /** What a plugin promises, as a sentence about it. */
  readonly promise: string;
  /** What its author should look at when it fails. */
  readonly advice: string;
  /** Why this check says nothing about this plugin; undefined: it does. */
  readonly needs?: (given: G) => string | undefined;
  /** Answers a remark, if there is one. @throws when the promise is not kept, with why */
  readonly run: (context: C) => Promise<string | void>;
}

export type CheckState = 'passed' | 'failed' | 'skipped';

export interface CheckResult {
  readonly name: string;
  readonly promise: string;
  readonly state: CheckState;
  /** Why it failed or was skipped; a remark when it passed. Empty: nothing to say. */
  readonly why: string;
  readonly tookMs: number;
}

/** @throws Error with `why` */
export function expect(isKept: boolean, why: string): asserts isKept {
  if (!isKept) throw new Error(why);
}
