import { accessSync, constants, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Erts } from '@wombat/proto/agent';

/** Where distributions and people put an Erlang; what PATH holds comes first. */
const usualRoots = ['/usr/lib/erlang', '/usr/local/lib/erlang', '/usr/lib64/erlang', '/opt/erlang'];

/** Erlang runtime systems installed on the machine, found by looking, without starting one. */
export function findErts(path = process.env.PATH ?? '', roots: readonly string[] = usualRoots): Erts[] {
  const candidates = [...erlInPath(path), ...roots];
  const found = new Map<string, Erts>();
  for (const root of candidates) {
    for (const erts of ertsIn(root)) found.set(`${erts.path} ${erts.version}`, erts);
  }
  return [...found.values()];
}

/** `<root>/bin/erl` is often linked into a bin directory; its root is where the link leads. */
function erlInPath(path: string): string[] {
  return path.split(':').filter((directory) => directory.startsWith('/')).flatMap((directory) => {
    try {
      const erl = join(directory, 'erl');
      accessSync(erl, constants.X_OK);
      return [join(dirname(realpathSync(erl)), '..')];
    } catch {
      return [];
    }
  });
}

/** A root holds `erts-13.1.5` and `releases/25`. */
function ertsIn(root: string): Erts[] {
  const releases = names(join(root, 'releases')).filter((name) => /^[0-9]{2,3}$/.test(name)).sort();
  return names(root).flatMap((name) => {
    const version = /^erts-([0-9][0-9.]*)$/.exec(name)?.[1];
    return version === undefined ? [] : [{ version, otpRelease: releases.at(-1) ?? '', path: realpathSync(root) }];
  });
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
