import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readElf, type ElfFile } from './elf.js';

/** Where the loaders of glibc and musl look when nothing else says where. */
const usualFolders = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];
const loaderCache = '/etc/ld.so.cache';

/** The Debian package of libraries that Erlang's virtual machine is linked to; other systems name theirs alike. */
const packages: readonly (readonly [name: RegExp, packageOf: (version: string) => string])[] = [
  [/^libtinfo\.so\.(\d+)/, (version) => `libtinfo${version}`],
  [/^libncurses(w?)\.so\.(\d+)/, () => 'libncurses6'],
  [/^libz\.so\.1/, () => 'zlib1g'],
  [/^libstdc\+\+\.so\.6/, () => 'libstdc++6'],
  [/^libgcc_s\.so\.1/, () => 'libgcc-s1'],
  [/^libsystemd\.so\.0/, () => 'libsystemd0'],
  [/^libsctp\.so\.1/, () => 'libsctp1'],
  [/^libzstd\.so\.1/, () => 'libzstd1'],
  [/^lib(?:ssl|crypto)\.so\.3/, () => 'libssl3'],
  [/^lib(?:m|c|dl|rt|util|pthread)\.so\.\d/, () => 'libc6'],
];

/** Names among those that a program needs which this host has no library for. */
export function missingLibraries(program: string, { needed, runPath, arch }: ElfFile, searchedFirst: readonly string[] = []): string[] {
  const ownFolders = runPath.map((folder) => folder.replace(/\$\{?ORIGIN\}?/g, dirname(program)));
  const folders = [...searchedFirst, ...ownFolders, ...systemFolders()];
  const cache = cachedPaths();
  return needed.filter((name) => !candidates(name, folders, cache).some((path) => readElf(path)?.arch === arch));
}

/** "apt-get install libtinfo6 zlib1g"; undefined when nothing is known of any of them. */
export function installHint(libraries: readonly string[]): string | undefined {
  const wanted = new Set(libraries.map(packageOf).filter((name) => name !== undefined));
  return wanted.size === 0 ? undefined : `on Debian and Ubuntu: apt-get install ${[...wanted].join(' ')}`;
}

function packageOf(library: string): string | undefined {
  for (const [pattern, name] of packages) {
    const match = pattern.exec(library);
    if (match) return name(match[1] ?? '');
  }
  return undefined;
}

function candidates(name: string, folders: readonly string[], cache: readonly string[]): string[] {
  if (name.includes('/')) return [name];
  return [...cache.filter((path) => path.endsWith(`/${name}`)), ...folders.map((folder) => join(folder, name))].filter(existsSync);
}

/** Debian keeps libraries in a folder for each architecture. */
function systemFolders(): string[] {
  return usualFolders.flatMap((folder) => [...namesIn(folder).filter((name) => /-linux-(?:gnu|musl)/.test(name)).map((name) => join(folder, name)), folder]);
}

/** The paths that ldconfig has found: all texts of its cache that are paths. Whether they are still there is looked at later. */
function cachedPaths(): string[] {
  try {
    return readFileSync(loaderCache, 'latin1').split('\0').filter((text) => text.startsWith('/'));
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
