import type { ResourceType, Tag, TagSpecification } from '@aws-sdk/client-ec2';

/** What a new resource carries from its first moment; Wombat's own tags win over those of the settings. */
export function tagged(resources: readonly ResourceType[], ...tags: readonly Readonly<Record<string, string>>[]): TagSpecification[] {
  const all: Tag[] = Object.entries(Object.assign({}, ...tags) as Record<string, string>).map(([Key, Value]) => ({ Key, Value }));
  return resources.map((ResourceType) => ({ ResourceType, Tags: all }));
}
