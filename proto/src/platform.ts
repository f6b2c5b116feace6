import { WombatError } from './errors/wombat-error.js';
import type { Platform } from './gen/wombat/type/v1/platform.js';
import { nearest } from './nearest.js';

const systems = ['linux', 'darwin', 'freebsd', 'openbsd'];
const architectures = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64'];
const libraries = ['glibc', 'musl'];
/** What others call the same. */
const otherNames = new Map(Object.entries({ amd64: 'x64', x86_64: 'x64', aarch64: 'arm64', i386: 'ia32', macos: 'darwin', gnu: 'glibc' }));

/** "linux/arm64", "linux/x64/musl". @throws WombatError WO_ARTIFACT_PLATFORM */
export function parsePlatform(text: string): Platform {
  const [os = '', arch = '', libc = '', ...rest] = text.split('/');
  if (os === '' || rest.length > 0) throw new WombatError('WO_ARTIFACT_PLATFORM', `${JSON.stringify(text.slice(0, 80))} is no platform`);
  return checkPlatform({ os, arch, libc });
}

/** As Node names it; empty fields mean any. @throws WombatError WO_ARTIFACT_PLATFORM for a word that names none */
export function checkPlatform({ os, arch, libc }: Platform): Platform {
  return { os: known('operating system', os, systems), arch: known('architecture', arch, architectures), libc: known('C library', libc, libraries) };
}

/** "linux/x64/glibc", "any platform". */
export function platformText({ os, arch, libc }: Platform): string {
  const words = [os, arch, libc];
  while (words.at(-1) === '') words.pop();
  return words.length === 0 ? 'any platform' : words.map((word) => word || 'any').join('/');
}

function known(what: string, given: string, words: readonly string[]): string {
  const word = otherNames.get(given) ?? given;
  if (word === '' || words.includes(word)) return word;
  const close = nearest(word, words);
  throw new WombatError('WO_ARTIFACT_PLATFORM', `${JSON.stringify(given.slice(0, 40))} is no ${what} that is known: ${words.join(', ')}`, close === undefined ? {} : { hint: `did you mean ${close}?` });
}
