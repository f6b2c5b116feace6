import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretKeyword, type HostSpec, type JsonObject } from '@wombat/plugin-sdk';
import { newId, systemClock } from '@wombat/proto';
import { HostSpec as HostSpecs, ProviderServiceService as methods, type DescribeProviderResponse } from '@wombat/proto/plugin';
import { boundsWith, type Bounds } from '../bounds.js';
import type { ConformanceOptions } from '../options.js';
import { makeHomes, type Homes } from './homes.js';
import { commandOf } from './program.js';
import { RunHost } from './run-host.js';
import { Site } from './site.js';
import { StandInAgents } from './stand-in-agents.js';
import type { Subject } from './subject.js';

const defaultMachines = 20;
const defaultSettleMs = 5_000;

/** The part of JSON Schema that settings are described with. */
export interface SettingSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly SettingSchema[];
  readonly oneOf?: readonly SettingSchema[];
}

type Likeness = Pick<HostSpec, 'image' | 'hardwareProfile' | 'region'>;

interface Parts {
  readonly options: ConformanceOptions;
  readonly command: readonly string[];
  readonly directory: string;
  readonly homes: Homes;
  readonly agents: StandInAgents;
}

/** What the checks of one run share: the plugin's program, where it runs, and all that it was heard to say. */
export class Context {
  readonly options: ConformanceOptions;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly bounds: Bounds;
  readonly homes: Homes;
  /** Of the run: homes and data lie in it. */
  readonly directory: string;
  readonly settings: JsonObject;
  /** Everything that was printed, logged, or said in an error, so far. */
  readonly heard: string[] = [];
  readonly host: RunHost;
  /** The registered provider that most checks are about. */
  readonly site: Site;
  readonly #agents: StandInAgents;
  readonly #sites: Site[] = [];
  #description: DescribeProviderResponse | undefined;
  #likeness: Likeness | undefined;

  static async open(options: ConformanceOptions): Promise<Context> {
    // What is asked wrongly leaves nothing behind.
    const command = commandOf(options);
    const directory = await mkdtemp(join(tmpdir(), 'wombat-conformance-'));
    return new Context({ options, command, directory, homes: await makeHomes(directory), agents: await StandInAgents.open(directory) });
  }

  private constructor({ options, command, directory, homes, agents }: Parts) {
    this.options = options;
    this.command = command;
    this.environment = { HOME: homes.home, TMPDIR: homes.temporary, ...options.environment };
    this.bounds = boundsWith(options.slack ?? 1);
    this.homes = homes;
    this.settings = options.settings ?? {};
    this.host = new RunHost(agents, (text) => this.heard.push(text));
    this.directory = directory;
    this.#agents = agents;
    this.site = this.newSite();
  }

  get machinesAtOnce(): number {
    return this.options.machines ?? defaultMachines;
  }

  /** The program, configured; started when it does not run. */
  async subject(): Promise<Subject> {
    return await this.site.subject();
  }

  /** Another registered provider, of a cluster of its own. */
  newSite(settings: JsonObject = this.settings): Site {
    const number = this.#sites.length;
    const site = new Site({
      command: this.command, environment: this.environment, workingDirectory: this.homes.work, dataDirectory: join(this.directory, `data-${number}`),
      clusterId: newId('prv').replace('prv', 'conformance'), settings, host: this.host, bounds: this.bounds, hear: (text) => this.heard.push(text),
    });
    this.#sites.push(site);
    return site;
  }

  async describe(): Promise<DescribeProviderResponse> {
    return (this.#description ??= await (await this.subject()).call(methods.describeProvider, {}));
  }

  async settingSchemas(): Promise<{ readonly properties: Readonly<Record<string, SettingSchema>>; readonly required: readonly string[]; readonly secrets: readonly string[] }> {
    const { properties = {}, required = [] } = JSON.parse((await this.describe()).description?.settingsSchema || '{}') as SettingSchema;
    return { properties, required, secrets: Object.keys(properties).filter((name) => secretKeyword in properties[name]!) };
  }

  /** A host that was never asked for before. */
  async spec(): Promise<HostSpec> {
    const hostId = newId('host');
    return HostSpecs.fromPartial({ ...await this.#likenessOfHosts(), ...this.options.host, key: hostId.replace('host', 'key'), hostId, tags: { 'wombat-check': 'conformance' } });
  }

  async specs(count: number): Promise<readonly HostSpec[]> {
    return await Promise.all(Array.from({ length: count }, async () => await this.spec()));
  }

  /** Until what was made must be in lists. */
  async settled(): Promise<void> {
    const { abilities } = await this.describe();
    await systemClock.sleep(this.options.settleMs ?? (abilities?.listsAtOnce ? 0 : defaultSettleMs));
  }

  /** Destroys what is left at the provider, ends the programs. Answers what could not be cleaned up. */
  async close(): Promise<readonly string[]> {
    const trouble: string[] = [];
    for (const site of this.#sites) {
      if (site.wasConfigured) await site.sweep().catch((error: Error) => trouble.push(error.message));
      await site.end();
    }
    await this.#agents.close();
    await rm(this.directory, { recursive: true, force: true });
    return trouble;
  }

  /** As the first that the plugin lists. */
  async #likenessOfHosts(): Promise<Likeness> {
    return (this.#likeness ??= await this.#findLikeness());
  }

  async #findLikeness(): Promise<Likeness> {
    const subject = await this.subject();
    const given = this.options.host ?? {};
    const region = given.region ?? (await subject.call(methods.listRegions, {})).regions[0]?.id ?? '';
    const image = given.image ?? (await subject.call(methods.listImages, { region, query: '', pageSize: 1, pageToken: '' })).images[0]?.id ?? '';
    const hardwareProfile = given.hardwareProfile
      ?? (await subject.call(methods.listHardwareProfiles, { region, query: '', pageSize: 1, pageToken: '' })).hardwareProfiles[0]?.id ?? '';
    return { region, image, hardwareProfile };
  }
}
