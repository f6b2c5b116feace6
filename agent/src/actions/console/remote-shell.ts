import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WombatError } from '@wombat/proto';
import type { NodeContext } from '../../nodes/node-context.js';
import { findProgram } from '../../processes/find-program.js';

export interface RemoteShell {
  readonly argv: readonly string[];
  /** Beside that of the node. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * What `remote_console` of relx and `remote` of mix do, but for the cookie: those put it into argv, and here Erlang reads it
 * from the file in HOME. The shell is a node of its own, hidden, which nobody can connect to.
 * @throws WombatError WO_ERLANG_MISSING
 */
export function remoteShell({ spec, paths: { root }, path }: NodeContext): RemoteShell {
  const { erlang } = spec;
  if (!erlang) throw new WombatError('WO_ERLANG_MISSING', `${spec.name} is no Erlang node`);
  const [, hostPart = ''] = erlang.nodeName.split('@');
  const name = `console-${randomBytes(4).toString('hex')}@${hostPart}`;
  const [ertsVersion = '', releaseVersion = ''] = startedRelease(root);
  const release = join(root, 'releases', releaseVersion);
  const ownName = [erlang.longNames ? 'name' : 'sname', name];
  const iex = join(release, 'iex');
  if (releaseVersion !== '' && existsSync(iex)) {
    return {
      argv: [
        '/bin/sh', iex, '--hidden', `--${ownName[0]}`, name, '--erl', '-dist_listen false', '--boot', join(release, 'start_clean'),
        '--boot-var', 'RELEASE_LIB', join(root, 'lib'), '--remsh', erlang.nodeName,
      ],
      environment: { RELEASE_DISTRIBUTION: 'none' },
    };
  }
  const flags = [`-${ownName[0]}`, name, '-hidden', '-dist_listen', 'false', '-remsh', erlang.nodeName];
  const binaries = join(root, `erts-${ertsVersion}`, 'bin');
  if (ertsVersion !== '' && existsSync(join(binaries, 'erlexec'))) {
    const boot = join(release, 'start_clean');
    return {
      argv: [join(binaries, 'erlexec'), ...(existsSync(`${boot}.boot`) ? ['-boot', boot, '-boot_var', 'SYSTEM_LIB_DIR', join(root, 'lib'), '-boot_var', 'ERTS_LIB_DIR', join(root, 'lib')] : []), ...flags],
      environment: { ROOTDIR: root, BINDIR: binaries, EMU: 'beam', PROGNAME: 'erl' },
    };
  }
  const program = findProgram('erl', '/', path);
  if (!program) throw new WombatError('WO_ERLANG_MISSING', 'neither the release nor the host has erl', { hint: 'open a shell instead: wo console NODE --shell' });
  return { argv: [program, ...flags], environment: {} };
}

/** Versions of the runtime and of the release that the node starts: the one line of start_erl.data. */
function startedRelease(root: string): string[] {
  try {
    const words = readFileSync(join(root, 'releases', 'start_erl.data'), 'utf8').trim().split(/\s+/);
    return words.length === 2 && words.every((word) => /^[\w][\w.+-]*$/.test(word)) ? words : [];
  } catch {
    return [];
  }
}
