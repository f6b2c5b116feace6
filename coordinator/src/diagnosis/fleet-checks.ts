import type { Finding } from '@wombat/proto/control';
import type { Host } from '../domain/model/host.js';
import { placeOf } from '../domain/healing/domain-place.js';
import { fitsDomain } from '../domain/placement/host-pool.js';
import { silentPhases } from '../domain/states/host-states.js';
import { giveUpHint, heldBrakes } from '../engine/healing/brakes.js';
import type { Reader } from '../store/store.js';
import { pass, warn } from './finding.js';

const subject = 'coordinator';

/** Hosts that are there: who of them is silent, and who is lost. */
export function silenceFindings(hosts: readonly Host[]): Finding[] {
  const [silent, lost] = (['unknown', 'lost'] as const).map((phase) => hosts.filter((host) => host.phase === phase)) as [Host[], Host[]];
  const findings: Finding[] = [];
  if (silent.length > 0) {
    findings.push(warn(subject, 'hosts', { message: `${silent.length} of ${hosts.length} hosts are silent: ${namesOf(silent)}`, hint: 'see below', code: 'WO_HOST_UNREACHABLE' }));
  }
  if (lost.length > 0) {
    const hint = `see what becomes of their nodes: wo host list; when a machine is dead: wo host replace ${lost[0]!.name} --fenced`;
    findings.push(warn(subject, 'hosts', { message: `${lost.length} of ${hosts.length} hosts are lost: ${namesOf(lost)}`, hint, code: 'WO_HOST_UNREACHABLE' }));
  }
  return findings.length > 0 ? findings : [pass(subject, 'hosts', `${hosts.length} hosts, none silent`)];
}

export async function healingFindings(read: Pick<Reader, 'meta' | 'domains'>, hosts: readonly Host[]): Promise<Finding[]> {
  const held = Object.entries(await heldBrakes(read));
  if (held.length === 0) return [];
  const domains = new Map((await read.domains.find({})).map((domain) => [placeOf(domain), domain]));
  return held.map(([place, { name, since }]) => {
    const domain = domains.get(place);
    const silent = hosts.find((host) => silentPhases.includes(host.phase) && domain && fitsDomain(host, domain));
    return warn(subject, 'healing', {
      message: `too many hosts of ${name} are silent: no node there is replaced until less than 20 % are, since ${new Date(since).toISOString()}`,
      hint: `see what is wrong with the network or the provider: wo host list${silent ? `; ${giveUpHint(silent)}` : ''}`, code: 'WO_HEALING_HELD',
    });
  });
}

/** What of a family needs somebody. */
export async function familyFindings(read: Pick<Reader, 'families' | 'nodes'>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { id, name, cluster } of await read.families.find({})) {
    const failed = await read.nodes.count({ familyId: id, phase: 'failed' });
    if (failed > 0) findings.push(warn(name, 'nodes', { message: `${failed} of its nodes ${failed === 1 ? 'has' : 'have'} failed`, hint: `see why: wo status ${JSON.stringify(name)}` }));
    if (cluster.health === 'split') {
      findings.push(warn(name, 'cluster', { message: `its nodes are not one cluster but ${cluster.parts.length}`, hint: `see which see each other: wo status ${JSON.stringify(name)}`, code: 'WO_CLUSTER_SPLIT' }));
    }
  }
  return findings;
}

function namesOf(hosts: readonly Host[]): string {
  return hosts.slice(0, 5).map(({ name }) => name).join(', ') + (hosts.length > 5 ? ', ...' : '');
}
