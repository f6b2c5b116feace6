import type { JsonObject, ProviderConfiguration, ProviderInstance } from '@wombat/plugin-sdk';
import { z } from 'zod';
import { readNotes } from './notes.js';
import type { Driver, Validation } from './plugin-shape.js';
import { pluginFault, reasonOf } from './plugin-fault.js';
import { Redaction } from './redaction.js';

const validation = z.object({ notes: z.unknown(), settings: z.record(z.string(), z.unknown()) });

/** A driver behind a guard: its answers are checked, and what it throws bears its name. */
export class DriverHost implements Driver {
  readonly kind = 'provider';
  readonly description: Driver['description'];
  readonly abilities: Driver['abilities'];
  readonly credentialSettings: readonly string[];
  readonly secretSettings: readonly string[];
  readonly #plugin: Driver;

  constructor(plugin: Driver) {
    this.#plugin = plugin;
    this.description = plugin.description;
    this.abilities = plugin.abilities;
    this.credentialSettings = plugin.credentialSettings;
    this.secretSettings = plugin.secretSettings;
  }

  async validate(settings: JsonObject): Promise<Validation> {
    try {
      const answer = validation.parse(await this.#plugin.validate(settings));
      return { notes: readNotes(answer.notes), settings: answer.settings };
    } catch (error) {
      // Not kept as a cause: what was thrown may quote a secret.
      const reason = Redaction.of(settings, this.secretSettings).clean(reasonOf(error));
      throw pluginFault(`driver(${this.description.name})`, `validate failed: ${reason}`);
    }
  }

  connect(configuration: ProviderConfiguration): Promise<ProviderInstance> {
    return this.#plugin.connect(configuration);
  }
}
