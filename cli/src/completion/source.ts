/** Objects of the coordinator that have an id, and most of them a name. */
export type ObjectKind = 'provider' | 'release' | 'family' | 'domain' | 'host' | 'node' | 'operation' | 'job' | 'token';

/** Where the values of an argument or option come from. What depends on a provider takes the argument `provider`, commands of a release `expression`. */
export type Source = ObjectKind | 'context' | 'driver' | 'strategy' | 'plugin' | 'image' | 'hardware' | 'release command' | 'error code' | 'file' | 'directory';

/** What the shell may offer where a value is typed. */
export type Completes = Source | readonly Source[] | { readonly words: readonly string[] };
