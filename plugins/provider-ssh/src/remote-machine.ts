import { ProviderError } from '@wombat/plugin-sdk';
import { describeTarget, type Target } from './inventory.js';
import { machineScript, type Action, type Reservation, type ScriptOptions } from './machine-script.js';
import type { SshSettings } from './settings.js';
import type { Shell, ShellOptions } from './shell.js';
import { readSight, type Sight } from './sight.js';

/** What is asked of one machine. Each throws ProviderError when it cannot be asked, or does not answer as it should. */
export class RemoteMachines {
  readonly #shell: Shell;
  readonly #settings: SshSettings;
  readonly #clusterId: string;

  constructor(shell: Shell, settings: SshSettings, clusterId: string) {
    this.#shell = shell;
    this.#settings = settings;
    this.#clusterId = clusterId;
  }

  async look(target: Target, signal: AbortSignal): Promise<Sight> {
    return usable(target, await this.#ask(target, 'look', {}, { signal }));
  }

  /** Reserves it and installs the agent; resolves when that is over, or was refused. */
  async ensure(target: Target, reservation: Omit<Reservation, 'options'>, options: ShellOptions): Promise<Sight> {
    return await this.#ask(target, 'ensure', { ...reservation, options: this.#installOptions(target) }, options);
  }

  /** Takes the agent away, and with it the reservation of this host; of any other nothing. */
  async release(target: Target, host: string, signal: AbortSignal): Promise<Sight> {
    return usable(target, await this.#ask(target, 'release', { host }, { signal }));
  }

  /** What the installation has said. */
  async log(target: Target, signal: AbortSignal): Promise<Uint8Array> {
    return Buffer.from(await this.#shell.run(target, this.#script('log', {}), { signal }));
  }

  async #ask(target: Target, action: Action, options: Partial<ScriptOptions>, shell: ShellOptions): Promise<Sight> {
    const sight = readSight(await this.#shell.run(target, this.#script(action, options), shell));
    if (sight === undefined) throw ProviderError.unavailable(`${describeTarget(target)}: it answers what nobody understands`);
    return sight;
  }

  #script(action: Action, options: Partial<ScriptOptions>): string {
    return machineScript(action, { scope: this.#settings.scope, cluster: this.#clusterId, ...options });
  }

  #installOptions({ internalAddress, labels }: Target): string[] {
    return [
      ...(this.#settings.asRoot ? ['--as-root'] : []),
      ...(internalAddress === undefined ? [] : ['--address', internalAddress]),
      ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ];
  }
}

/** @throws ProviderError unavailable when the machine has refused */
export function usable(target: Target, sight: Sight): Sight {
  if (sight.kind === 'refused') throw ProviderError.unavailable(`${describeTarget(target)}: ${sight.why}`);
  return sight;
}
