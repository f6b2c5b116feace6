import { secretKeyword, ProviderError, type JsonObject, type PluginLog, type ProviderConfiguration, type ProviderInstance } from '@wombat/plugin-sdk';
import { ProgramSession } from '@wombat/plugin-sdk/host';
import { ProviderServiceService as methods, type DescribeProviderResponse } from '@wombat/proto/plugin';
import { oneLine } from '../one-line.js';
import { reasonOf } from '../plugin-fault.js';
import type { Driver, Validation } from '../plugin-shape.js';
import { Redaction } from '../redaction.js';
import { answerMs, askProgram, expectSameProgram, type ProgramOptions } from './ask-program.js';
import { RemoteProvider } from './remote-provider.js';
import { Supervisor } from './supervisor.js';

const configureMs = 30_000;

/** A driver whose plugin is a program: one process for each registered provider, and a short one for each question without one. */
export class RemoteDriver implements Driver {
  readonly kind = 'provider';
  readonly description: Driver['description'];
  readonly abilities: Driver['abilities'];
  readonly credentialSettings: readonly string[];
  readonly secretSettings: readonly string[];
  readonly #options: ProgramOptions;
  readonly #supervisors = new Set<Supervisor>();

  constructor(options: ProgramOptions, { description, abilities, credentialSettings }: DescribeProviderResponse) {
    if (!description || !abilities) throw new Error('it describes itself without a description or without abilities');
    this.#options = options;
    this.description = description;
    this.abilities = abilities;
    this.credentialSettings = credentialSettings;
    this.secretSettings = secretNames(description.settingsSchema);
  }

  /** Why its programs are left alone, if any is. */
  get trouble(): string | undefined {
    return [...this.#supervisors].map(({ trouble }) => trouble).find((trouble) => trouble !== undefined);
  }

  async validate(settings: JsonObject): Promise<Validation> {
    // Nothing of this run is logged: no redaction knows which of the texts are secret before they were judged.
    const answer = await askProgram({ ...this.#options, log: silent }, async (session) => await session.call(methods.validate, { settings: JSON.stringify(settings) }, answerMs));
    return { notes: answer.notes, settings: answer.settings === '' ? settings : (JSON.parse(answer.settings) as JsonObject) };
  }

  /** Fails when the plugin refuses its configuration; a program that crashes is started again, and calls tell of it. */
  async connect(configuration: ProviderConfiguration): Promise<ProviderInstance> {
    const { host, providerId, clusterId } = configuration;
    const redaction = Redaction.of(configuration.settings, this.secretSettings);
    let refusal: ProviderError | undefined;
    const supervisor = new Supervisor({
      open: async () => await this.#open(configuration).catch((error: unknown) => {
        if (ProviderError.is(error) && !error.mayRetry) refusal = error;
        throw error;
      }),
      // Before it is cut: a part of a secret is one too.
      toReason: (error) => oneLine(redaction.clean(error instanceof Error ? error.message : String(error)), 500),
      onCrash: (reason) => host.log.warn(`the plugin is started again: ${reason}`),
      onBreak: (message) => {
        host.log.error(message);
        this.#options.onBreak({ plugin: this.description.name, subjectId: providerId, message });
      },
      times: this.#options.times?.supervisor ?? {},
    });
    supervisor.start();
    this.#supervisors.add(supervisor);
    const instance = new RemoteProvider(supervisor, clusterId, () => this.#supervisors.delete(supervisor));
    await supervisor.session(never).catch(() => undefined);
    if (refusal === undefined) return instance;
    await instance.close();
    throw refusal;
  }

  async #open({ host, settings, providerId, clusterId, dataDirectory }: ProviderConfiguration): Promise<ProgramSession> {
    const { program, times } = this.#options;
    const session = await ProgramSession.open({ command: program.command, log: host.log, host, times: times?.session ?? {} });
    try {
      await expectSameProgram(session, this.description);
      await session.call(methods.configure, { settings: JSON.stringify(settings), providerId, clusterId, dataDirectory }, configureMs);
      return session;
    } catch (error) {
      await session.end();
      throw error;
    }
  }
}

const never = new AbortController().signal;
const silent: PluginLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function secretNames(schema: string): readonly string[] {
  try {
    const { properties = {} } = JSON.parse(schema) as { properties?: Record<string, unknown> };
    return Object.entries(properties).filter(([, property]) => typeof property === 'object' && property !== null && secretKeyword in property).map(([name]) => name);
  } catch (error) {
    throw new Error(`its settings schema cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
