import type { HostSpec, JsonObject } from '@wombat/plugin-sdk';

/** How a failure of the provider is brought about. */
export interface Provocation {
  /** In place of settings of these names. */
  readonly settings?: JsonObject;
  readonly begin?: () => Promise<void>;
  readonly end?: () => Promise<void>;
}

export interface ConformanceOptions {
  /** argv of the plugin's program; never through a shell. Words that are paths of files may be relative. */
  readonly command?: readonly string[];
  /** Instead of a command: path or URL of a module that exports `plugin`. */
  readonly plugin?: string | URL;
  /**
   * With which the plugin works: machines are made and destroyed with them.
   *
   * @default none
   */
  readonly settings?: JsonObject;
  /**
   * What machines are made as.
   *
   * @default the first region, image and hardware profile that the plugin lists
   */
  readonly host?: Partial<Pick<HostSpec, 'image' | 'hardwareProfile' | 'region' | 'zone' | 'labels' | 'spot'>>;
  /**
   * How many machines may be there at once.
   *
   * @default 20
   */
  readonly machines?: number;
  /**
   * How long a machine may stay out of lists after it was made.
   *
   * @default 0 when the plugin says that it lists at once, else 5 s
   */
  readonly settleMs?: number;
  /** Ids of all machines at the provider, tagged or not. With it, what is left untagged is found. */
  readonly inventory?: () => Promise<readonly string[]>;
  readonly authFailure?: Provocation;
  readonly throttling?: Provocation;
  /** Variables of the program's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Names of the checks to be run.
   *
   * @default all
   */
  readonly only?: readonly string[];
  /**
   * Bounds of time are multiplied by it: more than 1 for a machine that has other things to do.
   *
   * @default 1
   */
  readonly slack?: number;
  /** When it fires, no further check is begun, and what was made is destroyed. */
  readonly signal?: AbortSignal;
}
