import { apiVersions, command, defineBootstrapStrategy, JoinOrder, step, z, type BootstrapStrategyPlugin } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import { StrategyHost } from '../plugins/strategy-host.js';
import type { StrategyDirectory } from '../engine/ports.js';

const none = defineBootstrapStrategy({
  name: 'none', version: '1.0.0', apiVersions: [apiVersions.bootstrapStrategy], summary: 'no cluster', joinOrder: JoinOrder.NONE,
});

/** Joins by `join CONTACT...`, exit code 75 means later; `members` prints the names that a node sees. */
function scripted(name: string, joinOrder: JoinOrder): BootstrapStrategyPlugin {
  return defineBootstrapStrategy({
    name, version: '1.0.0', apiVersions: [apiVersions.bootstrapStrategy], summary: 'for tests', joinOrder,
    options: z.object({ level: z.number().min(1).max(9).default(1), deadlineMs: z.number().default(30_000) }),
    planInputs: ({ contacts }) => ({ seed: contacts[0]?.name ?? 'itself' }),
    planJoin: ({ contacts, options: { deadlineMs } }) => [
      step('join', command(['join', ...contacts.map((contact) => contact.name)]), { deadlineMs, retryExitCodes: [75], intervalMs: 1_000 }),
    ],
    planCheck: () => [step('members', command(['members']), { deadlineMs: 5_000 })],
    planLeave: ({ leaving, survivors }) => (name === 'leaving' && survivors[0] ? { runOnNodeId: survivors[0].nodeId, steps: [step('leave', command(['leave', leaving.name]), { deadlineMs: 5_000, retryExitCodes: [75], intervalMs: 1_000 })] } : { runOnNodeId: '', steps: [] }),
    readMembers: ({ output }) => Buffer.from(output).toString().split(' ').filter(Boolean),
  });
}

/** Strategies for tests: `none`, `serial`, `leaving` (serial, and a survivor is told who leaves) and `parallel`. */
export class FakeStrategies implements StrategyDirectory {
  /** Set: a strategy as a program that does not run. */
  unavailable: string | undefined;
  /** Set: what happens while a strategy plans, as one that runs as a program takes its time. */
  meanwhile: (() => Promise<void>) | undefined;
  readonly #plugins = [none, scripted('serial', JoinOrder.SERIAL), scripted('leaving', JoinOrder.SERIAL), scripted('parallel', JoinOrder.PARALLEL_AFTER_SEED)];
  readonly #strategies = new Map(this.#plugins.map((plugin) => [plugin.description.name, new StrategyHost(this.#orUnavailable(plugin))]));

  strategy(name: string): StrategyHost {
    const found = this.#strategies.get(name);
    if (!found) throw new WombatError('WO_STRATEGY_UNKNOWN', `there is no bootstrap strategy ${name}`);
    return found;
  }

  #orUnavailable(plugin: BootstrapStrategyPlugin): BootstrapStrategyPlugin {
    return new Proxy({ ...plugin }, {
      get: (target, name: keyof BootstrapStrategyPlugin) => {
        const value = target[name];
        const { unavailable, meanwhile } = this;
        if (typeof value !== 'function' || (unavailable === undefined && meanwhile === undefined)) return value;
        return async (...words: unknown[]): Promise<unknown> => {
          if (unavailable !== undefined) throw new WombatError('WO_PLUGIN_UNAVAILABLE', unavailable);
          await meanwhile?.();
          return (value as (...words: unknown[]) => unknown)(...words);
        };
      },
    });
  }
}
