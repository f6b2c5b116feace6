import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, tagNames, type CreateHostResult, type HostSpec, type JsonObject, type Machine, type ProviderFailure } from '@wombat/plugin-sdk';
import { FakeHost } from '@wombat/plugin-sdk/testing';
import type { Test } from 'tap';
import { asItIs } from '../as-it-is.js';
import { sshSettings } from '../settings.js';
import { SshProvider } from '../ssh-provider.js';
import { newKey, Sshd, type KeyPair } from './sshd.js';

/** In every payload, and nowhere to be seen. */
export const joinToken = 'canary-of-the-join-token';

/** Stands for the script that installs the agent: leaves files, and does as files in the home say. */
const payload = `#!/bin/sh
set -eu
token='${joinToken}'
action=$1
shift
while [ $# -gt 0 ]; do case $1 in --prefix) prefix=$2 ;; *) echo "$1 $2" >>"$HOME/options" ;; esac; shift 2; done
if [ "$action" = uninstall ]; then
  [ ! -e "$HOME/stuck" ] || { echo 'a process does not end' >&2; exit 1; }
  rm -rf "$prefix" "$HOME/options" "$HOME/service"
  exit 0
fi
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
  case $(tr '\\0' ' ' <"$file" 2>/dev/null) in *"$token"*) echo 'the token is in the list of processes' >&2; exit 1 ;; esac
done 2>/dev/null
service=$prefix/opt/wombat-agent/bin/wombat-agent-service
mkdir -p "\${service%/*}"
printf '#!/bin/sh\\necho "$(umask) $*" >"$HOME/service"\\n' >"$service"
chmod +x "$service"
echo begun >>"$HOME/begun"
while [ -e "$HOME/wait" ]; do sleep 0.05; done
[ ! -e "$HOME/broken" ] || { echo 'the package cannot be fetched' >&2; exit 1; }
`;

export interface StageOptions {
  readonly machines?: number;
  /** Changes what is said of each machine. */
  readonly spelled?: (sshd: Sshd, index: number) => JsonObject;
  readonly settings?: JsonObject;
}

/** Machines, each a real sshd, and a provider that knows them; all of it is gone after the test. */
export class Stage {
  readonly clusterId: string;
  readonly host = new FakeHost({ installPayload: () => Buffer.from(payload) });
  readonly directory: string;
  provider!: SshProvider;
  readonly #options: StageOptions;

  static async open(t: Test, options: StageOptions = {}): Promise<Stage> {
    const user = newKey();
    const machines = await Promise.all(Array.from({ length: options.machines ?? 1 }, async () => await Sshd.start(t, { user })));
    const stage = new Stage(t, user, machines, 'cluster-one', options);
    await stage.connect();
    return stage;
  }

  private constructor(readonly t: Test, readonly user: KeyPair, readonly machines: readonly Sshd[], clusterId: string, options: StageOptions) {
    this.clusterId = clusterId;
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), 'wombat-ssh-'));
    t.teardown(async () => {
      await this.provider.close();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** The provider as a coordinator has it that was started again, perhaps with other settings. */
  async connect(changed: JsonObject = {}): Promise<void> {
    await (this.provider as SshProvider | undefined)?.close();
    const { settings = {}, spelled } = this.#options;
    const machines = this.machines.map((sshd, index) => ({ name: `m${index}`, address: sshd.address, port: sshd.port, hostKey: sshd.hostKey.public, ...spelled?.(sshd, index) }));
    this.provider = await SshProvider.open({
      settings: sshSettings.parse({ machines, user: this.machines[0]!.user, privateKey: this.user.private, scope: 'home', ...settings, ...changed }),
      clusterId: this.clusterId, dataDirectory: this.directory, host: this.host, clock: systemClock,
    });
  }

  /** The same machines as another coordinator has them. */
  async rival(): Promise<Stage> {
    const rival = new Stage(this.t, this.user, this.machines, 'cluster-two', this.#options);
    await rival.connect();
    return rival;
  }

  async list(): Promise<readonly Machine[]> {
    return await this.provider.listHosts(call());
  }

  async create(spec: HostSpec, signal = call().signal): Promise<CreateHostResult> {
    return (await this.provider.createHosts([spec], { signal }))[0]!;
  }

  /** @throws Error when one is not destroyed */
  async destroy(...machineIds: readonly string[]): Promise<void> {
    for (const { failure } of await this.provider.destroyHosts(machineIds, call())) if (failure) throw new Error(failure.message);
  }

  /** Makes a machine behave: `wait`, `broken`, `stuck`. */
  tell(index: number, word: string): void {
    writeFileSync(join(this.machines[index]!.home, word), '');
  }

  untell(index: number, word: string): void {
    rmSync(join(this.machines[index]!.home, word));
  }

  /** What lies in the home of a machine. */
  left(index: number): readonly string[] {
    return readdirSync(this.machines[index]!.home).sort();
  }

  /** A file below the home of a machine; empty when it has none of that name. */
  read(index: number, path: string): string {
    const file = join(this.machines[index]!.home, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}

/** Resolves when it holds. @throws Error when it does not for ten seconds */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if (await holds()) return;
    await systemClock.sleep(25);
  }
  throw new Error(`not within ten seconds: ${what}`);
}

/** A small host with this number. */
export function spec(n: number, changed: Partial<HostSpec> = {}): HostSpec {
  const letters = n.toString(2).padStart(12, '0').replace(/0/g, 'a').replace(/1/g, 'b');
  return {
    key: `key-${n}`, hostId: `host-${letters}`, image: asItIs, hardwareProfile: asItIs, region: '', zone: '', tags: { team: 'riak = "x"' }, firewallGroup: '', spot: false, labels: [], ...changed,
  };
}

/** @throws Error when none was made */
export function machineOf(result: CreateHostResult): Machine {
  if (result.outcome?.$case === 'machine') return result.outcome.value;
  throw new Error(`no machine: ${result.outcome?.value.message}`);
}

export function failureOf(result: CreateHostResult): ProviderFailure | undefined {
  return result.outcome?.$case === 'failure' ? result.outcome.value : undefined;
}

export function keysOf(machines: readonly Machine[]): readonly (string | undefined)[] {
  return machines.map(({ tags }) => tags[tagNames.key]).sort();
}

export function call(timeoutMs = 60_000): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(timeoutMs) };
}
