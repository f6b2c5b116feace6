import { PluginKind, type JoinOrder, type Member } from '@wombat/proto/plugin';
import type { Step } from '@wombat/proto/types';
import { WombatError } from '@wombat/proto';
import { z } from 'zod';
import type { BootstrapStrategyApiVersion } from './api-versions.js';
import type { BootstrapStrategyPlugin, Eventually, StrategyOptions } from './bootstrap-strategy.js';
import { describeNotes } from './note.js';
import { checkIdentity } from './plugin-identity.js';
import { Settings } from './settings.js';

/** Where a leave runs: on the leaving node itself when `runOnNodeId` is empty. */
export interface LeavePlan {
  readonly runOnNodeId: string;
  readonly steps: readonly Step[];
}

export interface BootstrapStrategyDefinition<Shape extends z.ZodObject> {
  readonly name: string;
  /** The plugin's own version. */
  readonly version: string;
  readonly apiVersions: readonly BootstrapStrategyApiVersion[];
  /** One line for lists and help. */
  readonly summary: string;
  readonly joinOrder: JoinOrder;
  /**
   * What `--clust-opt KEY:VALUE` may say.
   * @default no options
   */
  readonly options?: Shape;
  /** @default none */
  planInputs?(request: { options: z.output<Shape>; self: Member; contacts: readonly Member[] }): Eventually<Readonly<Record<string, string>>>;
  /**
   * Contacts empty: this node is the seed.
   * @default no steps: a node is a member as soon as it is ready
   */
  planJoin?(request: { options: z.output<Shape>; familyName: string; self: Member; contacts: readonly Member[] }): Eventually<readonly Step[]>;
  /** @default no steps: there is nothing to check */
  planCheck?(request: { options: z.output<Shape>; self: Member }): Eventually<readonly Step[]>;
  /** @default nobody */
  readMembers?(request: { options: z.output<Shape>; self: Member; output: Uint8Array }): Eventually<readonly string[]>;
  /** @default no steps: stopping the node is enough */
  planLeave?(request: { options: z.output<Shape>; leaving: Member; survivors: readonly Member[] }): Eventually<LeavePlan>;
}

/**
 * Makes a bootstrap-strategy plugin: export the result as `plugin`. All its functions are pure; they answer at once, or
 * with a promise, which the coordinator waits 10 s for.
 *
 * @throws Error when the definition itself is wrong
 */
export function defineBootstrapStrategy<Shape extends z.ZodObject>(definition: BootstrapStrategyDefinition<Shape>): BootstrapStrategyPlugin {
  checkIdentity(definition);
  const settings = new Settings(definition.options ?? (z.object({}) as unknown as Shape));
  if (settings.secretNames.length > 0) throw new Error(`strategy ${definition.name}: options are no place for secrets`);
  const read = (options: StrategyOptions): z.output<Shape> => {
    const reading = settings.read(options);
    if (!reading.ok) throw new WombatError('WO_SETTINGS_INVALID', describeNotes(reading.notes));
    return reading.value;
  };
  return Object.freeze({
    kind: 'bootstrap-strategy',
    joinOrder: definition.joinOrder,
    withoutInputs: definition.planInputs === undefined,
    description: {
      name: definition.name,
      kind: PluginKind.BOOTSTRAP_STRATEGY,
      version: definition.version,
      apiVersions: [...definition.apiVersions],
      summary: definition.summary,
      settingsSchema: settings.jsonSchema,
    },
    validate: (options) => settings.read(options).notes,
    planInputs: (request) => definition.planInputs?.({ ...request, options: read(request.options) }) ?? {},
    planJoin: (request) => definition.planJoin?.({ ...request, options: read(request.options) }) ?? [],
    planCheck: (request) => definition.planCheck?.({ ...request, options: read(request.options) }) ?? [],
    readMembers: (request) => definition.readMembers?.({ ...request, options: read(request.options) }) ?? [],
    planLeave: (request) => definition.planLeave?.({ ...request, options: read(request.options) }) ?? { runOnNodeId: '', steps: [] },
  } satisfies BootstrapStrategyPlugin);
}
