import type { Platform, ReleaseLayout } from '../model/release.js';

/** A file or link of the tarball; folders are left out. */
export type ReleaseEntry =
  | { readonly kind: 'file'; readonly sizeBytes: number; readonly executable: boolean }
  | { readonly kind: 'link'; readonly target: string };

/** What was found in a tarball. Paths are those of a node's root: the wrapping folder is left away. */
export interface Inspection {
  readonly layout: ReleaseLayout;
  /** Empty where the layout does not say. */
  readonly releaseName: string;
  readonly releaseVersion: string;
  /** Of the runtime that the release brings; empty: it brings none. */
  readonly ertsVersion: string;
  readonly otpRelease: string;
  /** What that runtime was built for; empty fields where it does not say. */
  readonly platform: Platform;
  /** Scripts under bin/ that start the release. */
  readonly startScripts: readonly StartScript[];
  /** The wrapping folder that was left away, or empty. */
  readonly topFolder: string;
  readonly entries: ReadonlyMap<string, ReleaseEntry>;
  /** Text of the files that were asked for, and of those that say how the release is configured. */
  readonly texts: Readonly<Record<string, string>>;
  readonly unpackedBytes: number;
}

/** What a start script can be told to do. */
export interface StartScript {
  readonly path: string;
  readonly hasForeground: boolean;
}
