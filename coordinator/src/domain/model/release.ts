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

/** Of a node's processes; 0: as the agent's own. */
export interface ManifestLimits {
  readonly openFiles: number;
  readonly processes: number;
  readonly nice: number;
  /** Of all together, where the host has control groups. */
  readonly memoryBytes: number;
}

/** What a host must have free before a node is started on it; 0: not asked for. */
export interface ManifestNeeds {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What a release offers to be run by name. */
export interface ManifestCommand {
  readonly name: string;
  readonly help: string;
  /** `{{argument.NAME}}` is an argument; those that are not named here stand behind. */
  readonly argv: readonly string[];
  readonly arguments: readonly ManifestArgument[];
}

export const argumentTypes = ['string', 'integer', 'number', 'bool', 'choice', 'duration'] as const;
export type ArgumentType = (typeof argumentTypes)[number];

export interface ManifestArgument {
  readonly name: string;
  readonly type: ArgumentType;
  readonly help: string;
  readonly required: boolean;
  // Left out when they are not said: a release of before is still the same release.
  readonly default?: string;
  /** Given by its place, in the order of such arguments. */
  readonly positional?: boolean;
  /** Of a choice. */
  readonly choices?: readonly string[];
}

export interface ManifestPort {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  /** 0: a free one is allocated for each node. */
  readonly number: number;
}

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
  readonly ports: readonly ManifestPort[];
  readonly ready: ReadyRule;
  readonly readyTimeoutMs: number;
  /** Run before a node is stopped for good; not there: there is none. */
  readonly drain?: string;
  /** Not there: `defaultDrainTimeoutMs`. */
  readonly drainTimeoutMs?: number;
  readonly stopTimeoutMs: number;
  readonly sharedPaths: readonly string[];
  readonly logFiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly pidCommand: string;
  /** Nodes keep data that outlives their root. */
  readonly dataDirectory: boolean;
  /** Name of the user that nodes run as; empty: the agent's own. */
  readonly runAs: string;
  readonly limits: ManifestLimits;
  readonly needs: ManifestNeeds;
  /** Not there: the remote console of an OTP release, else a shell. */
  readonly console?: string;
  readonly commands: readonly ManifestCommand[];
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
