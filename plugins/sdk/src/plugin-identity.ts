/** Names of drivers and strategies. */
export const pluginNamePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

export interface PluginIdentity {
  readonly name: string;
  readonly version: string;
  readonly apiVersions: readonly string[];
}

/** @throws Error that tells the author what is wrong with the definition */
export function checkIdentity({ name, version, apiVersions }: PluginIdentity): void {
  if (!pluginNamePattern.test(name) || name.length > 40) {
    throw new Error(`the name of a plugin is at most 40 lower-case letters, digits and dashes: ${JSON.stringify(name)}`);
  }
  if (version === '') throw new Error(`plugin ${name}: the version is missing`);
  if (apiVersions.length === 0) throw new Error(`plugin ${name}: apiVersions must name at least one version of the contract`);
}
