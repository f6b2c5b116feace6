import type { Attribute } from '@wombat/proto/types';
import type { ReadHostFile } from './host-files.js';

/** Where cloud-init writes what the metadata service of the machine's cloud has told it: the agent asks nobody itself. */
const instanceDataPath = '/run/cloud-init/instance-data.json';
const longestBytes = 1024 * 1024;
const longestText = 128;

/** Attribute -> where cloud-init has it. Only clouds that name the type of a machine have the last. */
const sources: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'cloud.name': [['v1', 'cloud_name']],
  'cloud.region': [['v1', 'region']],
  'cloud.zone': [['v1', 'availability_zone']],
  'cloud.instance-id': [['v1', 'instance_id']],
  'cloud.instance-type': [['ds', 'meta-data', 'instance-type'], ['ds', 'meta_data', 'instance_type'], ['ds', 'meta_data', 'instance-type'], ['ds', 'ec2_metadata', 'instance-type']],
};

/** What is known of the machine's place in its cloud; nothing where no cloud-init has run. */
export function cloudAttributes(read: ReadHostFile): Attribute[] {
  const text = read(instanceDataPath);
  if (text === undefined || text.length > longestBytes) return [];
  const data = parsed(text);
  return Object.entries(sources).flatMap(([key, paths]) => {
    const value = paths.map((path) => textAt(data, path)).find((found) => found !== undefined);
    return value === undefined ? [] : [{ key, value: { kind: { $case: 'text' as const, value } } }];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function textAt(data: unknown, path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>((value, name) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined), data);
  return typeof found === 'string' && found !== '' && found.length <= longestText ? found : undefined;
}
