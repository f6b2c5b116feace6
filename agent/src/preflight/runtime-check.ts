import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WombatError } from '@wombat/proto';
import type { Platform } from '@wombat/proto/types';
import { readElf, type ElfFile } from './elf.js';
import { installHint, missingLibraries } from './libraries.js';

/** What a release was built for, against the host. Empty fields ask for nothing. @throws WombatError WO_PLATFORM_MISMATCH */
export function checkPlatform(wanted: Platform | undefined, host: Platform): void {
  if (!wanted) return;
  const differing = (['os', 'arch', 'libc'] as const).filter((field) => wanted[field] !== '' && wanted[field] !== host[field]);
  if (differing.length === 0) return;
  const described = (platform: Platform): string => differing.map((field) => platform[field] || 'none').join(' ');
  throw mismatch(`the release was built for ${described(wanted)}, and this host is ${described(host)}`);
}

/**
 * Looks at the virtual machine that an OTP release brings: whether this host can load it at all, and
 * has the libraries it is linked to.
 * @throws WombatError WO_PLATFORM_MISMATCH, WO_LIBRARY_MISSING
 */
export function checkRuntime(treeDirectory: string, host: Platform, searchedFirst: readonly string[]): void {
  for (const machine of virtualMachines(treeDirectory)) {
    const elf = readElf(machine);
    // A script or whatever else is the release's own affair.
    if (!elf) continue;
    const name = machine.slice(treeDirectory.length + 1);
    if (elf.arch !== host.arch) throw mismatch(`${name} was built for ${elf.arch}, and this host is ${host.arch}`);
    checkLoader(name, elf, host);
    checkLibraries(name, machine, elf, searchedFirst);
  }
}

function virtualMachines(treeDirectory: string): string[] {
  const runtimes = readdirSync(treeDirectory).filter((name) => /^erts-\d/.test(name));
  return runtimes.map((runtime) => join(treeDirectory, runtime, 'bin', 'beam.smp')).filter(existsSync);
}

function checkLoader(name: string, { interpreter }: ElfFile, host: Platform): void {
  if (interpreter === '' || existsSync(interpreter)) return;
  const libc = basename(interpreter).startsWith('ld-musl') ? 'musl' : 'glibc';
  throw mismatch(libc === host.libc
    ? `${name} wants the loader ${interpreter}, which this host does not have`
    : `${name} was built for ${libc}, and this host has ${host.libc || 'no C library that is known'}`);
}

function checkLibraries(name: string, program: string, elf: ElfFile, searchedFirst: readonly string[]): void {
  const missing = missingLibraries(program, elf, searchedFirst);
  if (missing.length === 0) return;
  const hint = installHint(missing);
  throw new WombatError('WO_LIBRARY_MISSING', `${name} needs ${missing.join(', ')}, which this host does not have`, {
    details: { libraries: missing.join(' ') },
    ...(hint === undefined ? {} : { hint: `${hint}; then start the node again` }),
  });
}

function mismatch(message: string): WombatError {
  return new WombatError('WO_PLATFORM_MISMATCH', message);
}
