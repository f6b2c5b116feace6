import { secretKeyword, ProviderError, type JsonObject, type PluginLog, type ProviderConfiguration, type ProviderInstance } from '@wombat/plugin-sdk';
import { ProgramSession, type SessionTimes } from '@wombat/plugin-sdk/host';
import { orAborted, withDeadline } from '@wombat/proto';
import { PluginKind, PluginServiceService, ProviderServiceService as methods, type DescribeProviderResponse } from '@wombat/proto/plugin';
import { oneLine } from '../one-line.js';
import { reasonOf } from '../plugin-fault.js';
import type { Driver, Validation } from '../plugin-shape.js';
import { Redaction } from '../redaction.js';
import type { PluginProgram } from './plugin-program.js';
import { RemoteProvider } from './remote-provider.js';
import { Supervisor, type SupervisorTimes } from './supervisor.js';

export interface ProgramTimes {
  readonly session?: Partial<SessionTimes>;
  readonly supervisor?: Partial<SupervisorTimes>;
}

/** Told when a program is left alone because it ends again and again. */
export type OnBreak = (told: { readonly plugin: string; readonly providerId: string; readonly message: string }) => void;

export interface RemoteDriverOptions {
  readonly program: PluginProgram;
  /** For what a program prints that works for no provider yet. */
  readonly log: PluginLog;
  readonly onBreak: OnBreak;
  readonly times?: ProgramTimes;
}

/** For what the plugin does without reaching a provider. */
const answerMs = 10_000;
const configureMs = 30_000;

/** A driver whose plugin is a program: one process for each registered provider, and a short one for each question without one. */
export class RemoteDriver implements Driver {
  readonly kind = 'provider';
  readonly description: Driver['description'];
  readonly abilities: Driver['abilities'];
  readonly credentialSettings: readonly string[];
  readonly secretSettings: readonly string[];
  readonly #options: RemoteDriverOptions;
  readonly #supervisors = new Set<Supervisor>();

  /** @throws Error that says what the program did wrong */
  static async describe(options: RemoteDriverOptions): Promise<RemoteDriver> {
    const answer = await ask(options, async (session) => await describeProvider(session));
    const name = answer.description?.name;
    if (name !== options.program.name) throw new Error(`the program calls itself ${JSON.stringify(oneLine(String(name), 64))}`);
    return new RemoteDriver(options, answer);
  }

  private constructor(options: RemoteDriverOptions, { description, abilities, credentialSettings }: DescribeProviderResponse) {
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
    const answer = await ask({ ...this.#options, log: silent }, async (session) => await session.call(methods.validate, { settings: JSON.stringify(settings) }, answerMs));
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
        this.#options.onBreak({ plugin: this.description.name, providerId, message });
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
      const { description } = await describeProvider(session);
      if (description?.name !== this.description.name || description.version !== this.description.version) {
        throw new Error('the program is another than at the start of the coordinator: start the coordinator again');
      }
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

async function ask<T>({ program, log, times }: RemoteDriverOptions, question: (session: ProgramSession) => Promise<T>): Promise<T> {
  const session = await ProgramSession.open({ command: program.command, log, times: times?.session ?? {} });
  try {
    return await orAborted(question(session), withDeadline(answerMs, 'its answer'));
  } finally {
    // Its end is not waited for: the answer is there.
    void session.end();
  }
}

async function describeProvider(session: ProgramSession): Promise<DescribeProviderResponse> {
  const { description } = await session.call(PluginServiceService.describe, {}, answerMs);
  if (description?.kind !== PluginKind.PROVIDER) throw new Error('it is no provider; only providers run as programs');
  return await session.call(methods.describeProvider, {}, answerMs);
}

function secretNames(schema: string): readonly string[] {
  try {
    const { properties = {} } = JSON.parse(schema) as { properties?: Record<string, unknown> };
    return Object.entries(properties).filter(([, property]) => typeof property === 'object' && property !== null && secretKeyword in property).map(([name]) => name);
  } catch (error) {
    throw new Error(`its settings schema cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
