import { readFile, stat } from 'node:fs/promises';
import { ProviderError } from '@wombat/plugin-sdk';
import { parse } from 'yaml';
import { hostKeysOf, readPin, type HostKeys } from './host-key.js';
import { knownKeys } from './known-hosts.js';
import { machineList, type ListedMachine, type SshSettings } from './settings.js';

const longestFileBytes = 4 * 1024 * 1024;

export const defaultRegion = 'default';

/** A machine as it is reached now. */
export interface Target {
  /** What it is known by; no two have one. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeys: HostKeys;
  readonly internalAddress: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** For messages: web-1 (10.0.0.5:22). */
export function describeTarget({ name, address, port }: Pick<Target, 'name' | 'address' | 'port'>): string {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return name === where || where === `${name}:22` ? name : `${name} (${where})`;
}

/**
 * The machines of the settings and of the file that they name, as they are now.
 *
 * @throws ProviderError invalid when there are none, or a file cannot be read
 */
export async function readInventory(settings: SshSettings): Promise<readonly Target[]> {
  const listed = [...settings.machines, ...(settings.inventory === undefined ? [] : await readMachines(settings.inventory))];
  if (listed.length === 0) throw ProviderError.invalid(settings.inventory === undefined ? 'machines' : 'inventory', 'there are no machines; set machines=ADDRESS,ADDRESS or inventory=FILE');
  const known = settings.knownHosts === undefined ? '' : await readText('knownHosts', settings.knownHosts);
  const targets = listed.map((machine) => toTarget(machine, settings, known));
  const names = targets.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw ProviderError.invalid('machines', `there are two machines ${twice}; give them names`);
  return targets;
}

function toTarget(listed: ListedMachine, settings: SshSettings, known: string): Target {
  const { address, port = settings.port, user = settings.user, internalAddress, region = defaultRegion, zone = '', labels } = listed;
  const own = listed.hostKey === undefined ? undefined : [listed.hostKey].flat().map(readPin);
  const { pins, revoked } = knownKeys(known, address, port);
  return {
    name: listed.name ?? (listed.port === undefined ? address : `${address}:${port}`),
    address, port, user, internalAddress, region, zone, labels, hostKeys: hostKeysOf(own ?? pins, revoked),
  };
}

async function readMachines(path: string): Promise<readonly ListedMachine[]> {
  const list = machineList.safeParse(listIn(path, await readText('inventory', path)));
  if (list.success) return list.data;
  const { path: where = [], message = '' } = list.error.issues[0] ?? {};
  throw ProviderError.invalid('inventory', `${path}: ${where.length === 0 ? '' : `${where.join('.')}: `}${message}`);
}

/** A list, or an object that has one under `machines`. */
function listIn(path: string, content: string): unknown {
  let value: unknown;
  try {
    value = parse(content);
  } catch (error) {
    throw ProviderError.invalid('inventory', `${path} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  return typeof value === 'object' && value !== null && 'machines' in value ? value.machines : value;
}

async function readText(setting: 'inventory' | 'knownHosts', path: string): Promise<string> {
  try {
    if ((await stat(path)).size > longestFileBytes) throw new Error('it is larger than 4 MiB');
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ProviderError.invalid(setting, `${path} cannot be read: ${(error as Error).message}`);
  }
}
