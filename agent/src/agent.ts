import type { Logger } from 'pino';
import type { HostReporter } from './facts/host-reporter.js';
import type { IdentityKeeper } from './identity/identity-keeper.js';
import type { Session } from './session/session.js';

/** What runs the nodes: started before the session, stopped after it. */
export interface NodeRunner {
  start(): Promise<void>;
  /** The nodes run on. */
  stop(): Promise<void>;
}

export interface AgentParts {
  readonly keeper: IdentityKeeper;
  readonly reporter: HostReporter;
  readonly nodes: () => NodeRunner;
  readonly session: () => Session;
  readonly log: Logger;
}

/** The agent's life: identity, then nodes, then session; and back. */
export class Agent {
  readonly #parts: AgentParts;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /**
   * Runs until `stop` fires.
   * @throws WombatError when the host can get no identity, or its journal cannot be used
   */
  async run(stop: AbortSignal): Promise<void> {
    const { keeper, reporter, log } = this.#parts;
    const { hostId, clusterId } = await keeper.ensure(stop);
    log.info({ hostId, clusterId }, 'this host');
    // Whatever ran before is looked after with the coordinator out of reach, too.
    const nodes = this.#parts.nodes();
    await nodes.start();
    const background = [keeper.renewForever(stop), reporter.complete(stop)];
    for (const task of background) task.catch((error: unknown) => stop.aborted || log.error({ err: error }, 'a background task failed'));
    await this.#parts.session().run(stop);
    await nodes.stop();
  }
}
