import { apiVersions, nearest, pluginNamePattern, PluginKind, type BootstrapStrategyPlugin, type JsonObject, type ProviderPlugin } from '@wombat/plugin-sdk';
import { z } from 'zod';

export type Validation = ReturnType<ProviderPlugin['validate']>;

/** A driver, in this process or behind a socket: then its judgement takes a while. */
export type Driver = Omit<ProviderPlugin, 'validate'> & {
  validate(settings: JsonObject): Validation | Promise<Validation>;
};

export type Plugin = Driver | BootstrapStrategyPlugin;

/** Versions of the plugin contract that this coordinator speaks, by kind. */
export const spokenVersions: Readonly<Record<Plugin['kind'], readonly string[]>> = {
  'provider': [apiVersions.provider],
  'bootstrap-strategy': [apiVersions.bootstrapStrategy],
};

const wireKinds = { 'provider': PluginKind.PROVIDER, 'bootstrap-strategy': PluginKind.BOOTSTRAP_STRATEGY } as const;

const longestSchema = 262_144;
const jsonObject = z.string().max(longestSchema, 'is too long').refine(isJsonObject, 'is no JSON object');
const callable = z.custom<unknown>((value) => typeof value === 'function', 'is no function');
const settingNames = z.array(z.string().min(1).max(128)).max(64);

const kindOnly = z.object({ kind: z.enum(['provider', 'bootstrap-strategy']) });
const description = z.object({
  name: z.string().max(40).regex(pluginNamePattern, 'is not made of lower-case letters, digits and dashes'),
  kind: z.number(),
  version: z.string().min(1).max(64),
  apiVersions: z.array(z.string().min(1).max(64)).min(1).max(16),
  summary: z.string().max(300),
  settingsSchema: jsonObject,
});
const provider = z.object({
  description,
  abilities: z.object({ maxInstallPayloadBytes: z.number().int().nonnegative() }),
  credentialSettings: settingNames,
  secretSettings: settingNames,
  validate: callable,
  connect: callable,
});
const strategy = z.object({
  description,
  joinOrder: z.number().int(),
  withoutInputs: z.boolean().optional(),
  validate: callable,
  planInputs: callable,
  planJoin: callable,
  planCheck: callable,
  readMembers: callable,
  planLeave: callable,
});

/**
 * Judges what a module exports.
 *
 * @throws Error that tells the plugin's author what is wrong
 */
export function checkPlugin(module: unknown): Plugin {
  const exported = exportedPlugin(module);
  const kind = read(kindOnly, exported).kind;
  const { description: described } = kind === 'provider' ? read(provider, exported) : read(strategy, exported);
  if (described.kind !== wireKinds[kind]) throw new Error(`its description says another kind than ${kind}`);
  const spoken = spokenVersions[kind];
  if (!described.apiVersions.some((version) => spoken.includes(version))) {
    throw new Error(`speaks ${described.apiVersions.join(', ')}; this coordinator speaks ${spoken.join(', ')}`);
  }
  return exported as Plugin;
}

function exportedPlugin(module: unknown): unknown {
  const names = Object.keys(module as object);
  if (names.includes('plugin')) return (module as { plugin: unknown }).plugin;
  const close = names.includes('default') ? 'default' : nearest('plugin', names);
  const found = names.length === 0 ? 'it exports nothing' : `it exports ${names.slice(0, 10).join(', ')}`;
  throw new Error(`has no export named plugin; ${found}${close === undefined ? '' : `; was ${close} meant?`}`);
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`its export plugin is not made as it should: ${['plugin', ...issue!.path].join('.')}: ${issue!.message}`);
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
