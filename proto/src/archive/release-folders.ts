const known = new Set(['bin', 'sbin', 'lib', 'lib64', 'libexec', 'etc', 'share', 'priv', 'releases', 'data', 'log', 'var', 'usr', 'opt']);

/**
 * Whether a folder of this name is part of a release rather than a wrapping around one: an archive whose entries
 * all lie under `bin/` is a release with nothing but scripts, one whose entries all lie under `riak-3.0/` is wrapped.
 */
export function isReleaseFolder(name: string): boolean {
  return known.has(name) || /^erts-\d/.test(name);
}
