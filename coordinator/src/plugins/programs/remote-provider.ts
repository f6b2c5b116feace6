import type { MethodDefinition } from '@grpc/grpc-js';
import type {
  CallContext, CreateHostResult, DestroyHostResult, FirewallRule, HardwareProfile, HostSpec, Image, ListPage, Machine, Note, Price, ProviderInstance, Quota, Region, Zone,
} from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import type { Supervised } from '../supervised.js';
import type { Supervisor } from './supervisor.js';

/** No call takes longer, whatever its caller's deadline is. */
const longestCallMs = 900_000;

/** A registered provider whose plugin is a program: calls go to the process that lives now. */
export class RemoteProvider implements ProviderInstance, Supervised {
  readonly #supervisor: Supervisor;
  readonly #clusterId: string;

  readonly #onClose: () => void;

  constructor(supervisor: Supervisor, clusterId: string, onClose: () => void) {
    this.#supervisor = supervisor;
    this.#clusterId = clusterId;
    this.#onClose = onClose;
  }

  async verify(context: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    return await this.#call(methods.verify, {}, context);
  }

  async listImages(page: ListPage, context: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    return await this.#call(methods.listImages, page, context);
  }

  async listHardwareProfiles(page: ListPage, context: CallContext): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    return await this.#call(methods.listHardwareProfiles, page, context);
  }

  async listRegions(context: CallContext): Promise<readonly Region[]> {
    return (await this.#call(methods.listRegions, {}, context)).regions;
  }

  async listZones(region: string, context: CallContext): Promise<readonly Zone[]> {
    return (await this.#call(methods.listZones, { region }, context)).zones;
  }

  async createHosts(hosts: readonly HostSpec[], context: CallContext): Promise<readonly CreateHostResult[]> {
    return (await this.#call(methods.createHosts, { hosts: [...hosts] }, context)).results;
  }

  async listHosts(context: CallContext): Promise<readonly Machine[]> {
    return (await this.#call(methods.listHosts, { clusterId: this.#clusterId }, context)).machines;
  }

  async destroyHosts(machineIds: readonly string[], context: CallContext): Promise<readonly DestroyHostResult[]> {
    return (await this.#call(methods.destroyHosts, { machineIds: [...machineIds] }, context)).results;
  }

  async ensureFirewall(group: string, rules: readonly FirewallRule[], context: CallContext): Promise<readonly FirewallRule[]> {
    return (await this.#call(methods.ensureFirewall, { group, rules: [...rules] }, context)).drift;
  }

  async getQuota(region: string, context: CallContext): Promise<readonly Quota[]> {
    return (await this.#call(methods.getQuota, { region }, context)).quotas;
  }

  async listPrices(region: string, context: CallContext): Promise<readonly Price[]> {
    return (await this.#call(methods.listPrices, { region }, context)).prices;
  }

  async getConsoleLog(machineId: string, context: CallContext): Promise<Uint8Array> {
    return (await this.#call(methods.getConsoleLog, { machineId }, context)).content;
  }

  hangs(): void {
    this.#supervisor.hangs();
  }

  async close(): Promise<void> {
    this.#onClose();
    await this.#supervisor.close();
  }

  async #call<Q, S>(method: MethodDefinition<Q, S>, request: Q, { signal }: CallContext): Promise<S> {
    const session = await this.#supervisor.session(signal);
    return await session.call(method, request, longestCallMs, signal);
  }
}
