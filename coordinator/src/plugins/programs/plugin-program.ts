/** A plugin that runs as a program of its own. */
export interface PluginProgram {
  /** As the plugin calls itself. */
  readonly name: string;
  /** argv; never through a shell. */
  readonly command: readonly string[];
}

/** A folder or the name of a package, to be run in the coordinator; or a program of its own. */
export type PluginSource = string | PluginProgram;
