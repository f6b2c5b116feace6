import { hostTargetAttribute } from '../../domain/attributes/host-target.js';
import { targetAttribute } from '../../domain/attributes/target-attributes.js';
import type { JobLimits, Lanes } from '../../domain/model/job.js';
import type { StoredAttribute } from '../../domain/model/object.js';
import type { Resolution } from './resolve-targets.js';
import { hostSources, nodesByHost, nodeSources, type SourceReader } from './target-sources.js';

/** With the values that the targets have now in each attribute for which the job has a limit: they do not change while it runs. */
export async function withLanes(read: SourceReader, resolution: Resolution, per: JobLimits['per'] = []): Promise<Resolution> {
  if (per.length === 0) return resolution;
  const wanted = new Set(resolution.targets.map(({ targetId }) => targetId));
  const lanes = new Map<string, Lanes>();
  const add = (targetId: string, attribute: (key: string) => StoredAttribute | undefined): void => {
    if (wanted.has(targetId)) lanes.set(targetId, Object.fromEntries(per.map(({ label }) => [label, textOf(attribute(label))])));
  };
  const hosts = await hostSources(read);
  if (resolution.targets.some(({ kind }) => kind === 'node')) {
    for await (const source of nodeSources(read, hosts)) add(source.node.id, (key) => targetAttribute(source, key));
  } else {
    const nodesOn = await nodesByHost(read, hosts);
    for (const source of hosts.values()) add(source.host.id, (key) => hostTargetAttribute(source, nodesOn.get(source.host.id) ?? [], key));
  }
  return { ...resolution, lanes };
}

function textOf(value: StoredAttribute | undefined): string {
  return typeof value === 'object' ? value.join(' ') : String(value ?? '');
}
