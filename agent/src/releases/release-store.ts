import type { ArtifactRef, RenderedFile } from '@wombat/proto/agent';

export interface RootRequest {
  readonly artifact: ArtifactRef;
  /** Made here, complete or not at all; must not exist. */
  readonly rootDirectory: string;
  /** Written over what the release brings, secrets filled in. Mode 0: that of the file it replaces, else 0644. */
  readonly files: readonly RenderedFile[];
}

/** Release trees of this host: fetched once, verified, unpacked once, read-only. */
export interface ReleaseStore {
  /**
   * Fetches and unpacks the artifact unless its tree is there; callers at once share one fetch.
   * @throws WombatError WO_ARTIFACT_CORRUPT, WO_ARCHIVE_INVALID, WO_ARCHIVE_REFUSED, WO_DISK_FULL
   */
  ensureTree(artifact: ArtifactRef, signal: AbortSignal): Promise<void>;
  /**
   * A node's root: hard links where the release shares, copies of all else, made beside and renamed.
   * Trees are synced to the disk, roots are not: one from before the machine's last boot is to be made anew.
   * @throws WombatError WO_NOT_FOUND without the tree, WO_CONFLICT when the root is there, WO_TEMPLATE_INVALID, WO_DISK_FULL
   */
  makeRoot(request: RootRequest, signal: AbortSignal): Promise<void>;
  /** Where its tree lies, or would lie. @throws WombatError WO_INVALID_ARGUMENT */
  treeDirectory(artifact: ArtifactRef): string;
  /** Removes trees that none of these artifacts names, and what earlier runs left half done. */
  prune(keep: ReadonlySet<string>): Promise<void>;
}
