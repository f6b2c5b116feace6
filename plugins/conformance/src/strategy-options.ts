import type { ConformanceOptions } from './options.js';
import type { Nodes } from './nodes/nodes.js';

export interface StrategyConformanceOptions extends Pick<ConformanceOptions, 'command' | 'plugin' | 'environment' | 'only' | 'slack' | 'signal'> {
  /**
   * What a family would be bootstrapped with: `--clust-opt KEY:VALUE`.
   *
   * @default none
   */
  readonly options?: Readonly<Record<string, string>>;
  /**
   * Nodes that steps are run on; those that a check has opened are closed by it.
   *
   * @default Erlang nodes on this machine, when the steps are for those
   */
  readonly nodes?: () => Promise<Nodes>;
}
