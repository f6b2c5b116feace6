import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { syncDirectory, writeFileAtomically } from '../identity/atomic-file.js';

/** Why an update was taken back: see bin/wombat-agent-launch. */
export interface FailedUpdate {
  readonly updateId: string;
  readonly reason: string;
}

const versionName = /^[0-9a-f]{64}$/;
const updateName = /^[\w-]{1,64}$/;

/**
 * The versions of the agent that lie on this machine, and which of them its launcher starts: what bin/wombat-agent-launch
 * describes. Whenever the power goes, the launcher finds a version that has run before.
 */
export class ProgramVersions {
  /** `running`: what this process runs from; `current` is another one from the beginning of an update on. */
  private constructor(private readonly directory: string, readonly running: string) {}

  /** Undefined when somebody has put something else than a link to a version in the place of `current`. */
  static open(directory: string): ProgramVersions | undefined {
    const current = join(directory, 'current');
    const running = lstatSync(current, { throwIfNoEntry: false })?.isSymbolicLink() ? basename(readlinkSync(current)) : '';
    return versionName.test(running) ? new ProgramVersions(directory, running) : undefined;
  }

  /**
   * The next start is the one try of `version`, which lies there whole.
   * @throws WombatError WO_IN_USE when another update has not ended, WO_NOT_FOUND, WO_CONFLICT when it runs already
   */
  begin(version: string, updateId: string): void {
    if (!updateName.test(updateId)) throw new WombatError('WO_INVALID_ARGUMENT', 'an update has an id');
    if (!versionName.test(version) || !existsSync(join(this.directory, 'versions', version))) {
      throw new WombatError('WO_NOT_FOUND', `there is no version ${version} of the agent on this machine`);
    }
    if (version === this.running) throw new WombatError('WO_CONFLICT', 'this agent runs that version already');
    if (this.#pending()) throw new WombatError('WO_IN_USE', 'an update of this agent is on its way already');
    rmSync(join(this.directory, 'failed'), { force: true });
    rmSync(join(this.directory, 'pending.tried'), { force: true });
    const pending = join(this.directory, 'pending');
    writeFileAtomically(pending, `${version} ${this.running} ${updateId}\n`);
    try {
      this.#switch(version);
    } catch (error) {
      rmSync(pending, { force: true });
      throw error;
    }
  }

  /** The coordinator has greeted this agent. Of the versions that remains the one before. */
  confirm(): void {
    const pending = this.#pending();
    if (!pending || pending.version !== this.running) return;
    for (const name of ['pending', 'pending.tried']) rmSync(join(this.directory, name), { force: true });
    syncDirectory(this.directory);
    const kept = new Set([pending.version, pending.previous]);
    for (const name of readdirSync(join(this.directory, 'versions'))) {
      if (!kept.has(name)) rmSync(join(this.directory, 'versions', name), { recursive: true, force: true });
    }
  }

  /** Of the last update, when it was taken back. */
  failed(): FailedUpdate | undefined {
    const [, updateId, reason] = /^(\S+) (.+)$/m.exec(this.#read('failed')) ?? [];
    return updateId === undefined || reason === undefined ? undefined : { updateId, reason };
  }

  #pending(): { readonly version: string; readonly previous: string } | undefined {
    const [version, previous] = this.#read('pending').trim().split(' ');
    return version === undefined || previous === undefined ? undefined : { version, previous };
  }

  #switch(version: string): void {
    const beside = join(this.directory, 'current.new');
    rmSync(beside, { force: true });
    symlinkSync(`versions/${version}`, beside);
    renameSync(beside, join(this.directory, 'current'));
    syncDirectory(this.directory);
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.directory, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}
