import type { ProviderAbilities } from '@wombat/proto/plugin';
import { PluginKind } from '@wombat/proto/plugin';
import type { z } from 'zod';
import type { ProviderApiVersion } from './api-versions.js';
import { checkIdentity } from './plugin-identity.js';
import { describeNotes } from './note.js';
import { ProviderError } from './provider-error.js';
import type { ProviderConfiguration, ProviderInstance, ProviderPlugin } from './provider.js';
import { Settings } from './settings.js';

export interface ProviderDefinition<Shape extends z.ZodObject> {
  /** Name of the driver: lower-case letters, digits and dashes. */
  readonly name: string;
  /** The plugin's own version. */
  readonly version: string;
  readonly apiVersions: readonly ProviderApiVersion[];
  /** One line for lists and help. */
  readonly summary: string;
  readonly settings: Shape;
  /**
   * Names of the settings that the positional credentials of `wo register-provider` fill, in order.
   * @default none
   */
  readonly credentials?: readonly Extract<keyof z.output<Shape>, string>[];
  /** @default none */
  readonly abilities?: Partial<ProviderAbilities>;
  connect(configuration: ProviderConfiguration<z.output<Shape>>): Promise<ProviderInstance> | ProviderInstance;
}

const noAbilities: ProviderAbilities = {
  firewall: false, quota: false, prices: false, consoleLog: false, spot: false, privateNetwork: false, maxInstallPayloadBytes: 0, listsAtOnce: false,
};

/**
 * Makes a provider plugin: export the result as `plugin`.
 *
 * @throws Error when the definition itself is wrong
 */
export function defineProvider<Shape extends z.ZodObject>(definition: ProviderDefinition<Shape>): ProviderPlugin {
  checkIdentity(definition);
  const settings = new Settings(definition.settings);
  const credentials = definition.credentials ?? [];
  for (const name of credentials) {
    if (!settings.names.includes(name)) throw new Error(`driver ${definition.name}: credential ${name} is no setting`);
  }
  return Object.freeze({
    kind: 'provider',
    description: {
      name: definition.name,
      kind: PluginKind.PROVIDER,
      version: definition.version,
      apiVersions: [...definition.apiVersions],
      summary: definition.summary,
      settingsSchema: settings.jsonSchema,
    },
    abilities: { ...noAbilities, ...definition.abilities },
    credentialSettings: credentials,
    secretSettings: settings.secretNames,
    validate: (given) => ({ notes: settings.read(given).notes, settings: settings.normalise(given) }),
    async connect(configuration) {
      const reading = settings.read(configuration.settings);
      if (!reading.ok) throw ProviderError.invalid(reading.notes[0]?.field ?? '', describeNotes(reading.notes));
      return await definition.connect({ ...configuration, settings: reading.value });
    },
  } satisfies ProviderPlugin);
}
