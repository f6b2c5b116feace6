import type { Finding } from '@wombat/proto/control';
import { isLoopback } from '../configuration/values.js';
import type { AgentPackages } from '../installer/agent-packages.js';
import { fail, pass, warn } from './finding.js';

export interface Installs {
  /** Whether machines of this driver install the agent by themselves. */
  readonly areOf: (driver: string) => boolean;
  readonly packages: Pick<AgentPackages, 'list'>;
  /** What new machines are told, "host:port". */
  readonly addresses: () => { readonly agents: string; readonly http: string };
}

const [subject, check] = ['coordinator', 'new machines'];

/** Whether the machines of these drivers will be able to install the agent, and to join. */
export async function installFindings(drivers: readonly string[], { areOf, packages, addresses }: Installs): Promise<Finding[]> {
  const concerned = [...new Set(drivers.filter(areOf))];
  if (concerned.length === 0) return [];
  const all = await packages.list();
  if (all.length === 0) {
    return [fail(subject, check, {
      message: `machines of ${concerned.join(', ')} cannot install the agent: the coordinator has no package of it`,
      hint: 'make them on the machine of the coordinator: node scripts/package-agent.js', code: 'WO_AGENT_PACKAGE_MISSING',
    })];
  }
  const { agents, http } = addresses();
  const near = [agents, http].filter((address) => isLoopback(address.slice(0, address.lastIndexOf(':')).replace(/[[\]]/g, '')));
  if (near.length === 0) return [pass(subject, check, `they install the agent from ${http} (${all.map(({ arch }) => arch).join(', ')}) and connect to ${agents}`)];
  return [warn(subject, check, {
    message: `machines of ${concerned.join(', ')} are told to reach the coordinator at ${near.join(' and ')}, which they can only on this very machine`,
    hint: 'set agents.address and http.address, http.tls = true, and advertise.agents and advertise.http: docs/guides/operate.md',
  })];
}
