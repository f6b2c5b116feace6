import { join } from 'node:path';
import { toErrorDetail, WombatError } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import type { JobTarget, PullFilesResponse } from '@wombat/proto/control';
import { folderName } from './folder-name.js';
import { ReceivedTree } from './received-tree.js';

/** What came of one target. */
export interface ReceivedTarget {
  readonly target: JobTarget;
  readonly tree: ReceivedTree;
}

/** The files of many targets, mixed as they come, below one folder. */
export class ReceivedTargets {
  readonly ended = new Map<string, ReceivedTarget>();
  readonly #directory: string;
  readonly #trees = new Map<string, ReceivedTree>();
  readonly #errors = new Map<string, WombatError>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async take({ kind }: PullFilesResponse): Promise<void> {
    if (kind?.$case === 'target') return this.#end(kind.value);
    if (kind?.$case !== 'part' || !kind.value.part) return;
    const { targetId, targetName, part } = kind.value;
    if (this.#errors.has(targetId)) return;
    const tree = this.#treeOf(targetId, targetName);
    try {
      await tree.take(part);
    } catch (error) {
      await tree.discard();
      this.#errors.set(targetId, WombatError.from(error));
    }
  }

  /** For those whose agents were away there may be another try. Answers whether there are any. */
  forgetUnreached(): boolean {
    const unreached = [...this.ended].filter(([, { target }]) => target.outcome === Outcome.UNREACHABLE_BEFORE_SEND);
    for (const [targetId] of unreached) this.ended.delete(targetId);
    return unreached.length > 0;
  }

  /** Those that have not ended begin anew when they come again. */
  async discard(): Promise<void> {
    for (const tree of this.#trees.values()) await tree.discard();
    this.#trees.clear();
    this.#errors.clear();
  }

  async #end(told: JobTarget): Promise<void> {
    const tree = this.#treeOf(told.targetId, told.targetName);
    if (told.outcome === Outcome.OK && !this.#errors.has(told.targetId)) await tree.finish().catch((error: unknown) => this.#errors.set(told.targetId, WombatError.from(error)));
    await tree.discard();
    const error = this.#errors.get(told.targetId);
    const target = error ? { ...told, outcome: Outcome.FAILED, error: toErrorDetail(error) } : told;
    this.#trees.delete(told.targetId);
    this.ended.set(told.targetId, { target, tree });
  }

  #treeOf(targetId: string, targetName: string): ReceivedTree {
    const tree = this.#trees.get(targetId) ?? new ReceivedTree(join(this.#directory, folderName(targetName || targetId)));
    this.#trees.set(targetId, tree);
    return tree;
  }
}
