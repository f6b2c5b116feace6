import { hostname } from 'node:os';
import {
  attribute, created, failed, isId, KeyedLock, Limiter, machine, MachineState, note, ProviderError, tagNames, tagsOf,
  type Attribute, type CallContext, type Clock, type CreateHostResult, type DestroyHostResult, type HostServices, type HostSpec,
  type ListPage, type Machine, type Note, type ProviderInstance, type Region, type Zone,
} from '@wombat/plugin-sdk';
import { AgentStarter, isRunning } from './agent-starter.js';
import { HostDestroyer, destroyTimes, type DestroyTimes } from './host-destroyer.js';
import { LocalPaths } from './host-directory.js';
import { HostRecords, type HostRecord } from './host-records.js';
import { labelFlags } from './labels.js';
import { loadState, type LocalState } from './local-state.js';
import { HostProcesses } from './processes.js';
import { epmdAddressCount, epmdAddresses, freeAddress } from './subnet.js';
import { Supervisor, supervisorTimes, type SupervisorTimes } from './supervisor.js';
import { localHardware, localImage } from './this-machine.js';

/** Agents that may be starting at once: each costs a tenth of a second of a core, and a handshake. */
const startsAtOnce = 4;

const region = 'local';

export interface LocalProviderOptions {
  readonly subnet: string | undefined;
  readonly zones: readonly string[];
  readonly clusterId: string;
  readonly dataDirectory: string;
  readonly host: HostServices;
  readonly clock: Clock;
  readonly supervision?: SupervisorTimes;
  readonly destruction?: DestroyTimes;
  /** How long an agent that does not join counts as starting. @default 1 s */
  readonly settleMs?: number;
}

interface Parts {
  readonly options: LocalProviderOptions;
  readonly state: LocalState;
  readonly records: HostRecords;
}

/** Hosts on this machine: each an agent process with a directory and an address of its own. */
export class LocalProvider implements ProviderInstance {
  readonly #options: LocalProviderOptions;
  readonly #state: LocalState;
  readonly #records: HostRecords;
  readonly #locks = new KeyedLock();
  readonly #starts = new Limiter(startsAtOnce);
  readonly #starter: AgentStarter;
  readonly #destroyer: HostDestroyer;
  readonly #supervisor: Supervisor;

  /** Takes up the hosts that are there, and looks after them from now on. */
  static async open(options: LocalProviderOptions): Promise<LocalProvider> {
    const records = new HostRecords(options.dataDirectory);
    await records.load(options.host.log);
    const state = await loadState(options.dataDirectory, options.subnet, records.all().length > 0);
    const provider = new LocalProvider({ options, state, records });
    provider.#supervisor.run();
    return provider;
  }

  private constructor({ options, state, records }: Parts) {
    const { clock, host, dataDirectory } = options;
    const paths = new LocalPaths(dataDirectory);
    const processes = new HostProcesses();
    this.#options = options;
    this.#state = state;
    this.#records = records;
    this.#starter = new AgentStarter({ paths, state, records, processes, host, clock, settleMs: options.settleMs ?? 1_000 });
    this.#destroyer = new HostDestroyer({ paths, records, processes, clock, times: options.destruction ?? destroyTimes });
    this.#supervisor = new Supervisor({
      records, clock, log: host.log, times: options.supervision ?? supervisorTimes,
      isBusy: (hostId) => this.#locks.isHeld(hostId),
      start: async ({ hostId }) => await this.#restart(hostId),
    });
  }

  async verify(): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    const limit = note.info('', `Erlang nodes can run on the first ${epmdAddressCount} hosts: epmd serves no more addresses`);
    return { identity: `this machine (${hostname()}), hosts at ${this.#state.subnet}.1 and up`, notes: [limit] };
  }

  async listImages({ query }: ListPage): Promise<{ images: [] | [typeof localImage]; nextPageToken: string }> {
    return { images: localImage.id.includes(query.toLowerCase()) ? [localImage] : [], nextPageToken: '' };
  }

  async listHardwareProfiles(): Promise<{ hardwareProfiles: [ReturnType<typeof localHardware>]; nextPageToken: string }> {
    return { hardwareProfiles: [localHardware()], nextPageToken: '' };
  }

  async listRegions(): Promise<readonly Region[]> {
    return [{ id: region, name: 'this machine' }];
  }

  async listZones(): Promise<readonly Zone[]> {
    return this.#options.zones.map((id) => ({ id, region }));
  }

  async createHosts(specs: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    return await Promise.all(specs.map(async (spec) => {
      try {
        return created(spec.key, await this.#create(spec, signal));
      } catch (error) {
        return failed(spec.key, error);
      }
    }));
  }

  async listHosts(): Promise<readonly Machine[]> {
    const { clusterId } = this.#options;
    return this.#records.all().filter(({ tags }) => tags[tagNames.cluster] === clusterId).map((record) => this.#toMachine(record));
  }

  async destroyHosts(machineIds: readonly string[]): Promise<readonly DestroyHostResult[]> {
    return await Promise.all(machineIds.map(async (machineId) => {
      try {
        // What is no id of a host was never made here.
        if (isId(machineId, 'host')) await this.#locks.run(machineId, async () => await this.#destroyer.destroy(machineId));
        return { machineId, failure: undefined };
      } catch (error) {
        return { machineId, failure: ProviderError.from(error).toFailure() };
      }
    }));
  }

  /** Ends the supervision. Agents and nodes go on. */
  async close(): Promise<void> {
    await this.#supervisor.stop();
  }

  async #create(spec: HostSpec, signal: AbortSignal): Promise<Machine> {
    this.#check(spec);
    const release = await this.#starts.acquire();
    try {
      const record = await this.#locks.run(spec.hostId, async () => {
        // It may have been given up, and destroyed, while it waited.
        signal.throwIfAborted();
        return await this.#ensure(spec);
      });
      // The slot is free when the agent has joined; the answer need not wait for that.
      void this.#starter.settled(record).finally(release);
      return this.#toMachine(record);
    } catch (error) {
      release();
      throw error;
    }
  }

  #check(spec: HostSpec): void {
    const { zones } = this.#options;
    if (!isId(spec.hostId, 'host')) throw ProviderError.invalid('hostId', 'this is no id of a host');
    if (!/^[a-z0-9-]{1,60}$/.test(spec.key)) throw ProviderError.invalid('key', 'a key is 1-60 characters of a-z, 0-9 and dash');
    if (spec.image !== localImage.id) throw ProviderError.invalid('image', `there is one image, ${localImage.id}`);
    if (spec.hardwareProfile !== localHardware().id) throw ProviderError.invalid('hardwareProfile', `there is one hardware profile, ${localHardware().id}`);
    if (spec.region !== '' && spec.region !== region) throw ProviderError.invalid('region', `there is one region, ${region}`);
    if (spec.zone !== '' && !zones.includes(spec.zone)) {
      throw ProviderError.invalid('zone', zones.length === 0 ? 'there are no zones; the setting `zones` makes some' : `the zones are ${zones.join(', ')}`);
    }
  }

  /** The intent is on disk before anything is done; a second call finds it by host and key. */
  async #ensure(spec: HostSpec): Promise<HostRecord> {
    const known = this.#records.get(spec.hostId) ?? this.#records.withKey(spec.key);
    if (known && (known.key !== spec.key || known.hostId !== spec.hostId)) {
      throw ProviderError.invalid('key', `the key ${spec.key} and the host ${spec.hostId} belong to different hosts`);
    }
    if (known?.desired === 'absent') throw ProviderError.unavailable(`${spec.hostId} is being destroyed`);
    const record = known ?? (await this.#reserve(spec));
    try {
      return await this.#starter.ensure(record);
    } catch (error) {
      // Nothing runs: nothing shall be left of what was only meant.
      if (!known) await this.#destroyer.destroy(spec.hostId);
      throw error;
    }
  }

  async #reserve(spec: HostSpec): Promise<HostRecord> {
    const taken = new Set(this.#records.all().map(({ address }) => address));
    const address = freeAddress(this.#state.subnet, taken);
    if (address === undefined) throw ProviderError.capacity(`all addresses of ${this.#state.subnet}.0/24 are taken`);
    return await this.#records.save({
      version: 1, key: spec.key, hostId: spec.hostId, address, tags: tagsOf(spec, this.#options.clusterId), labels: labelFlags(spec.labels),
      createdAt: this.#options.clock.now(), desired: 'present', argv: [], environment: {},
    });
  }

  /** Slot before lock, as #create does: the other way round they could wait for each other. */
  async #restart(hostId: string): Promise<void> {
    const release = await this.#starts.acquire();
    try {
      const started = await this.#locks.run(hostId, async () => {
        const record = this.#records.get(hostId);
        return record?.desired === 'present' ? await this.#starter.ensure(record) : undefined;
      });
      if (started) await this.#starter.settled(started);
    } finally {
      release();
    }
  }

  #toMachine(record: HostRecord): Machine {
    return machine({
      machineId: record.hostId,
      tags: record.tags,
      state: stateOf(record),
      addresses: [record.address],
      createdAt: new Date(record.createdAt),
      attributes: this.#attributes(record.address),
    });
  }

  /** How Erlang nodes of these hosts find each other. */
  #attributes(address: string): readonly Attribute[] {
    const { epmdPort, subnet } = this.#state;
    const served = epmdAddresses(subnet);
    return [
      attribute('erlang.epmd-port', epmdPort),
      attribute('erlang.epmd-addresses', served),
      attribute('erlang.epmd-serves-host', served.includes(address)),
    ];
  }
}

/** `stopped`: the agent is dead, and is started again in a moment. */
function stateOf(record: HostRecord): MachineState {
  if (record.desired === 'absent') return MachineState.DESTROYING;
  if (isRunning(record)) return MachineState.RUNNING;
  return record.pid === undefined ? MachineState.CREATING : MachineState.STOPPED;
}
