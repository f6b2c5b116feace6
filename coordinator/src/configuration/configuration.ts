import type { Address } from '../api/doors/address.js';
import type { PluginSource } from '../plugins/programs/plugin-program.js';
import type { PostgresAddress } from '../store/postgres/address.js';
import type { SecretReference } from './secret-reference.js';

/** The settings of a coordinator. keys.ts says what each means, how it is written, and its default. */
export interface Configuration {
  readonly directory: string;
  readonly control: { readonly address: Address };
  readonly agents: { readonly address: Address };
  readonly http: { readonly address: Address; readonly tls: boolean };
  /** How others reach the coordinator, where that differs from what it listens on. */
  readonly advertise: { readonly control?: Address; readonly agents?: Address; readonly http?: Address };
  /** Without an address the store is a file in the directory. */
  readonly store: { readonly url?: PostgresAddress; readonly password?: SecretReference };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** Folders, package names or programs, beside those that come with Wombat. */
  readonly plugins: readonly PluginSource[];
  readonly limits: {
    readonly maxNodesPerOperation: number;
    /** With one token; twice as many may come at once after a rest. */
    readonly callsPerSecond: number;
    /** With one token. */
    readonly callsAtOnce: number;
  };
  readonly agent: {
    /** argv of its program. */
    readonly command: readonly string[];
    /** The directory with what new machines are given. */
    readonly packages: string;
  };
  readonly hosts: {
    readonly enrolTimeoutMs: number;
    readonly idleTtlMs: number;
    /** Without any frame of its agent. */
    readonly silentAfterMs: number;
    /** After it has become silent. */
    readonly lostAfterMs: number;
    /** After the coordinator's own start nobody is called silent or lost for this long. */
    readonly startGraceMs: number;
  };
  readonly files: { readonly maximumBytes: number };
  readonly families: { readonly keepRevisions: number };
  /** 0: for as long as it likes. */
  readonly consoles: { readonly idleTimeoutMs: number; readonly maximumMs: number; readonly atOnce: number };
  /** Each provider for itself. */
  readonly providers: {
    readonly callsPerSecond: number;
    readonly callsAtOnce: number;
    readonly hostsPerCall: number;
    readonly appearWithinMs: number;
  };
  readonly gc: { readonly sweepEveryMs: number; readonly automatic: boolean; readonly removeAfterMs: number };
  readonly certificates: { readonly lifetimeMs: number; readonly renewalGraceMs: number };
  readonly events: { readonly keep: number };
  readonly history: { readonly keepMs: number; readonly jobBytes: number };
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['json', 'text'] as const;
export type LogFormat = (typeof logFormats)[number];

type Section<S extends keyof Configuration> = Configuration[S] extends string | readonly unknown[] ? never : S;

/** "directory", "control.address", ... */
export type ConfigurationKey = {
  [S in keyof Configuration]: S extends Section<S> ? `${S}.${keyof Configuration[S] & string}` : S;
}[keyof Configuration];

/** Type of the value under a key; undefined where it need not be there. */
export type ConfigurationValue<K extends ConfigurationKey> = K extends `${infer S extends keyof Configuration & string}.${infer R}`
  ? R extends keyof Configuration[S]
    ? Configuration[S][R]
    : never
  : K extends keyof Configuration
    ? Configuration[K]
    : never;
