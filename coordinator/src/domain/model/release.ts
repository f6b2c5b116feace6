import type { StoredObject } from './object.js';

export type ReleaseLayout = 'plain' | 'relx' | 'mix';
export type RunMode = 'foreground' | 'daemon';

/** Empty fields of a platform mean "any". */
export interface Platform {
  readonly os: string;
  readonly arch: string;
  readonly libc: string;
}

export interface Artifact {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly platform: Platform;
}

export type ReadyRule =
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'port'; readonly port: string }
  | { readonly kind: 'alive'; readonly aliveForMs: number }
  | { readonly kind: 'erlang' };

/** How nodes of a release are run, everything filled in. */
export interface Manifest {
  /** Split as a POSIX shell would, without expansion. */
  readonly start: string;
  /** Empty: TERM, or erl_call for an Erlang node. */
  readonly stop: string;
  /** Base of the Erlang node name; empty: no Erlang node. */
  readonly nodeName: string;
  readonly mode: RunMode;
  readonly templates: readonly string[];
  readonly ports: readonly { readonly name: string; readonly protocol: 'tcp' | 'udp'; readonly number: number }[];
  readonly ready: ReadyRule;
  readonly readyTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly sharedPaths: readonly string[];
  readonly logFiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly pidCommand: string;
}

/** Immutable; its digest covers manifest and artifacts. */
export interface Release extends StoredObject {
  readonly version: string;
  readonly manifest: Manifest;
  readonly artifacts: readonly Artifact[];
  readonly layout: ReleaseLayout;
  readonly ertsVersion: string;
  readonly otpRelease: string;
  /** Text of each template file, by its path in the tarball. */
  readonly templateTexts: Readonly<Record<string, string>>;
  /** sha256 over name, version, manifest and artifacts: the same release is stored once. */
  readonly digest: string;
}
