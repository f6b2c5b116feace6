import { z } from '@wombat/plugin-sdk';
import { isInUse, isNotFound } from './failures.js';
import { Service, type Cloud } from './service.js';
import { uuid } from './uuid.js';

const text = z.string().max(4_096);
const port = z.number().int().min(0).max(65_535).nullish();
const ruleSchema = z.object({
  id: uuid,
  direction: text,
  ethertype: text,
  protocol: z.union([text, z.number().transform(String)]).nullish(),
  port_range_min: port,
  port_range_max: port,
  remote_ip_prefix: text.nullish(),
  remote_group_id: text.nullish(),
  remote_address_group_id: text.nullish(),
});
const groupSchema = z.object({ id: uuid, created_at: text.default(''), security_group_rules: z.array(ruleSchema).max(10_000) });
const networkSchema = z.object({ id: uuid });

export type SecurityGroup = z.output<typeof groupSchema>;
export type SecurityGroupRule = z.output<typeof ruleSchema>;

/** One rule to be made, for what comes in. */
export interface NewRule {
  readonly ethertype: 'IPv4' | 'IPv6';
  readonly protocol: string;
  readonly port_range_min: number;
  readonly port_range_max: number;
  readonly remote_ip_prefix: string | null;
}

/** Networks and security groups of the project. */
export class Neutron {
  readonly #cloud: Cloud;
  readonly #service: Service;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    this.#service = new Service(cloud, { name: 'neutron', type: 'network', version: 'v2.0' });
  }

  async networkIds(filter: { readonly id: string } | { readonly name: string }, signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#service.get(z.object({ networks: z.array(networkSchema).max(1_000) }), { path: '/networks', query: { ...filter, fields: 'id' }, signal });
    return answer.networks.map(({ id }) => id);
  }

  /** Of the project alone: an administrator sees those of all. Names are not unique in Neutron: of several the oldest is meant. */
  async securityGroup(name: string, signal: AbortSignal): Promise<SecurityGroup | undefined> {
    const { projectId } = await this.#cloud.session.token(signal);
    const query = { name, project_id: projectId };
    const answer = await this.#service.get(z.object({ security_groups: z.array(groupSchema).max(1_000) }), { path: '/security-groups', query, signal });
    return [...answer.security_groups].sort((a, b) => compare(a.created_at, b.created_at) || compare(a.id, b.id))[0];
  }

  async createSecurityGroup(name: string, description: string, signal: AbortSignal): Promise<SecurityGroup> {
    const call = { method: 'POST', path: '/security-groups', body: { security_group: { name, description } }, signal } as const;
    return (await this.#service.get(z.object({ security_group: groupSchema }), call)).security_group;
  }

  /** All of them or none. */
  async createRules(securityGroupId: string, rules: readonly NewRule[], signal: AbortSignal): Promise<void> {
    const security_group_rules = rules.map((rule) => ({ security_group_id: securityGroupId, direction: 'ingress', ...rule }));
    await this.#service.request({ method: 'POST', path: '/security-group-rules', body: { security_group_rules }, signal, fieldOf: () => 'rules' });
  }

  /** One that is gone is gone. */
  async deleteRule(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#service.request({ method: 'DELETE', path: `/security-group-rules/${id}`, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Not while a port bears it, and not when it is gone already. */
  async deleteSecurityGroup(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#service.request({ method: 'DELETE', path: `/security-groups/${id}`, signal });
    } catch (error) {
      if (!isNotFound(error) && !isInUse(error)) throw error;
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
