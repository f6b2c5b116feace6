import { ProviderError, created, failed, hardwareProfile, image, machine } from '@wombat/plugin-sdk';
import type { DestroyHostResult, FirewallRule, HostSpec, Machine } from '@wombat/proto/plugin';
import type { Provider } from '../domain/model/provider.js';
import type { ProviderCalls, ProviderDirectory, ProviderDraft } from '../engine/ports.js';

/** How the next creation of a machine goes. */
export type Creation =
  | 'ok'
  /** Nothing was made. */
  | ProviderError
  /** The machine is made, and the answer is lost. */
  | { readonly afterwards: Error }
  /** Nothing happens before this resolves, and nothing is made when there is a refusal. */
  | { readonly until: Promise<void>; readonly refusal?: ProviderError };

/** A cloud in memory that keeps the promises of a provider, and fails as its script says. */
export class FakeProviders implements ProviderDirectory {
  readonly machines = new Map<string, Machine>();
  readonly asked: HostSpec[] = [];
  readonly destroyed: string[] = [];
  readonly removed: string[] = [];
  readonly opened: ProviderDraft[] = [];
  listsAtOnce = true;
  /** Whether a machine is listed. */
  isVisible: (machine: Machine) => boolean = () => true;
  /** Of createHosts. */
  calls = 0;
  closed = 0;
  #made = 0;
  /** One entry for each call to come; afterwards all is well. */
  creations: Creation[] = [];
  verifyError: Error | undefined;
  destroyError: ProviderError | undefined;
  /** Called when a machine was made: it boots now. */
  onMachine: (hostId: string) => void = () => undefined;
  /** Rules by group. */
  readonly firewalls = new Map<string, readonly FirewallRule[]>();
  /** "group number of rules" */
  readonly firewallCalls: string[] = [];
  firewallError: Error | undefined;
  /** What the next look at a firewall finds. */
  readonly drift: FirewallRule[] = [];
  /** Awaited before machines are destroyed. */
  beforeDestroy: () => Promise<void> = async () => undefined;
  /** Called in the midst of a verification. */
  onVerify: () => Promise<void> = async () => undefined;

  async get(_provider: Provider): Promise<ProviderCalls> {
    return this.#calls();
  }

  open(draft: ProviderDraft): ProviderCalls & { close(): Promise<void> } {
    this.opened.push(draft);
    return { ...this.#calls(), close: async () => void (this.closed += 1) };
  }

  async remove(providerId: string): Promise<void> {
    this.removed.push(providerId);
  }

  /** A machine as an earlier coordinator would have made it. */
  makeFor(key: string, hostId: string, clusterId = 'cluster1'): Machine {
    const made = this.#make({ 'wombat-cluster': clusterId, 'wombat-host': hostId, 'wombat-key': key });
    this.machines.set(key, made);
    return made;
  }

  #calls(): ProviderCalls {
    return {
      listsAtOnce: this.listsAtOnce,
      verify: async () => {
        await this.onVerify();
        if (this.verifyError) throw this.verifyError;
        return { identity: 'account 7', notes: [] };
      },
      listImages: async () => ({ images: [image('img', 'Image One')], nextPageToken: '' }),
      listHardwareProfiles: async () => ({ hardwareProfiles: [hardwareProfile({ id: 'small', name: 'Small' })], nextPageToken: '' }),
      ensureFirewall: async (group, rules) => {
        if (this.firewallError) throw this.firewallError;
        this.firewallCalls.push(`${group} ${rules.length}`);
        this.firewalls.set(group, rules);
        return this.drift.splice(0);
      },
      createHosts: async (specs) => {
        this.calls += 1;
        return Promise.all(specs.map((spec) => this.#create(spec)));
      },
      listHosts: async () => [...this.machines.values()].filter((each) => this.isVisible(each)),
      destroyHosts: async (machineIds) => {
        await this.beforeDestroy();
        return machineIds.map((machineId) => this.#destroy(machineId));
      },
    };
  }

  #destroy(machineId: string): DestroyHostResult {
    if (this.destroyError) return { machineId, failure: this.destroyError.toFailure() };
    this.destroyed.push(machineId);
    for (const [key, made] of this.machines) if (made.machineId === machineId) this.machines.delete(key);
    return { machineId, failure: undefined };
  }

  async #create(spec: HostSpec): ReturnType<ProviderCalls['createHosts']> extends Promise<readonly (infer Result)[]> ? Promise<Result> : never {
    this.asked.push(spec);
    const script = this.creations.shift() ?? 'ok';
    if (script instanceof ProviderError) return failed(spec.key, script);
    if (script !== 'ok' && 'until' in script) {
      await script.until;
      if (script.refusal) return failed(spec.key, script.refusal);
    }
    // The same key, the same machine.
    const made = this.machines.get(spec.key) ?? this.#make(spec.tags);
    if (!this.machines.has(spec.key)) queueMicrotask(() => this.onMachine(spec.hostId));
    this.machines.set(spec.key, made);
    if (script !== 'ok' && 'afterwards' in script) throw script.afterwards;
    return created(spec.key, made);
  }

  #make(tags: HostSpec['tags']): Machine {
    const number = (this.#made += 1);
    return machine({ machineId: `machine-${number}`, tags, addresses: [`127.9.9.${number}`] });
  }
}
