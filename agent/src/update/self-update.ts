import { toErrorDetail, withDeadline, WombatError } from '@wombat/proto';
import type { AgentUpdateFailed, UpdateAgent } from '@wombat/proto/agent';
import type { Logger } from 'pino';
import type { Unpacker } from '../releases/unpacker.js';
import type { ArtifactSource } from '../session/handlers.js';
import type { ProgramVersions } from './program-versions.js';
import { stageVersion } from './stage-version.js';

export interface SelfUpdateOptions {
  /** As bin/wombat-agent-launch describes it. */
  readonly directory: string;
  readonly versions: ProgramVersions;
  readonly source: ArtifactSource;
  readonly unpacker: Unpacker;
  readonly log: Logger;
  /** Ends this agent in good order: it is started as the new version. */
  readonly end: () => void;
}

/** To fetch and to unpack: a slow line, a slow disk. */
const stageWithinMs = 10 * 60_000;
const longestPackageBytes = 512 * 1024 * 1024;
const [digest, updateName] = [/^[0-9a-f]{64}$/, /^[\w-]{1,64}$/];

/** Takes orders to run another version of the agent, one at a time. */
export class SelfUpdate {
  readonly #options: SelfUpdateOptions;
  readonly #listeners = new Set<(failed: AgentUpdateFailed) => void>();
  /** The update that is under way. */
  #updateId: string | undefined;

  constructor(options: SelfUpdateOptions) {
    this.#options = options;
  }

  /** Of the package that this agent runs from. */
  get package(): string {
    return this.#options.versions.running;
  }

  /** The last update, when it was taken back. */
  get failed(): AgentUpdateFailed | undefined {
    const { updateId, reason } = this.#options.versions.failed() ?? {};
    if (updateId === undefined) return undefined;
    return { updateId, error: toErrorDetail(new WombatError('WO_AGENT_UPDATE_FAILED', `the new agent was taken back: ${reason}`)) };
  }

  onFailed(listener: (failed: AgentUpdateFailed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The coordinator has welcomed this agent. */
  confirm(): void {
    const { versions, log } = this.#options;
    try {
      versions.confirm();
    } catch (error) {
      log.error({ err: error }, 'the update of this agent cannot be confirmed; its launcher will take it back');
    }
  }

  /** The order may come again while it is carried out, and when it has failed: what has come of it is known then. */
  take(order: UpdateAgent): void {
    const { updateId, sha256 } = order;
    if (updateId === this.#updateId || sha256 === this.package || updateId === this.#options.versions.failed()?.updateId) return;
    void this.#update(order).catch((error: unknown) => {
      this.#options.log.warn({ updateId, err: error }, 'this agent is not updated');
      this.#tell({ updateId, error: toErrorDetail(WombatError.from(error)) });
    });
  }

  async #update({ updateId, sha256, sizeBytes }: UpdateAgent): Promise<void> {
    const { directory, versions, source, unpacker, log, end } = this.#options;
    check({ updateId, sha256, sizeBytes });
    if (this.#updateId !== undefined) throw new WombatError('WO_IN_USE', 'another update of this agent is under way');
    this.#updateId = updateId;
    try {
      log.info({ updateId, sha256 }, 'this agent fetches another version of itself');
      await stageVersion({ directory, source, unpacker, sha256, sizeBytes: Number(sizeBytes) }, withDeadline(stageWithinMs, 'fetching and unpacking the agent'));
      versions.begin(sha256, updateId);
    } catch (error) {
      this.#updateId = undefined;
      throw error;
    }
    log.info({ updateId, sha256 }, 'this agent ends, and is started as the new version');
    end();
  }

  #tell(failed: AgentUpdateFailed): void {
    for (const listener of this.#listeners) listener(failed);
  }
}

function check({ updateId, sha256, sizeBytes }: UpdateAgent): void {
  if (!updateName.test(updateId)) throw new WombatError('WO_INVALID_ARGUMENT', 'an update has an id of letters and digits');
  if (!digest.test(sha256)) throw new WombatError('WO_INVALID_ARGUMENT', 'sha256 is 64 lower-case hexadecimal digits');
  if (sizeBytes === 0n || sizeBytes > BigInt(longestPackageBytes)) throw new WombatError('WO_INVALID_ARGUMENT', `a package of ${sizeBytes} bytes is none`);
}
