import type { Clock, WombatError } from '@wombat/proto';
import type { Host, HostPhase } from '../domain/model/host.js';
import { advance } from '../domain/states/machine.js';
import { hostTransitions } from '../domain/states/host-states.js';
import { inPhase, presentPhases } from '../domain/states/node-states.js';
import type { Transaction } from '../store/store.js';
import { hostPhaseEvent, nodePhaseEvent, storedError } from './events.js';

/** The host as it is now, in another phase; what it waited for is over. Undefined when there is none of this id. */
export async function moveHost(transaction: Transaction, clock: Clock, hostId: string, phase: HostPhase, fields: Partial<Host> = {}): Promise<Host | undefined> {
  const host = await transaction.hosts.get(hostId);
  if (!host) return undefined;
  const { waiting: _over, isDraining: _drain, ...rest } = host;
  advance(`host ${host.name}`, hostTransitions, host.phase, phase);
  const moved = await transaction.hosts.update({ ...rest, phase, phaseSince: phase === host.phase ? host.phaseSince : clock.now(), ...fields });
  if (phase !== host.phase) await transaction.events.append(hostPhaseEvent(moved));
  return moved;
}

/** The host is `failed`, and what was to run on it fails with it. One on its way out goes on with that: nobody misses it. */
export async function failHost(transaction: Transaction, clock: Clock, hostId: string, error: WombatError): Promise<void> {
  const lastError = storedError(error);
  if ((await transaction.hosts.get(hostId))?.desired !== 'present') return;
  await moveHost(transaction, clock, hostId, 'failed', { lastError });
  for (const node of await transaction.nodes.find({ hostId, phase: presentPhases })) {
    // Nothing runs there, so who wanted it gone or stopped has it.
    const phase = ({ running: 'failed', stopped: 'stopped', absent: 'gone' } as const)[node.desired];
    const over = await transaction.nodes.update(inPhase(node, phase, clock.now(), phase === 'failed' ? { lastError } : {}));
    await transaction.events.append(nodePhaseEvent(over));
  }
}
