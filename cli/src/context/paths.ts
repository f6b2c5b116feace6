import { homedir } from 'node:os';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Where config.toml is: WO_CONFIG_DIR, else $XDG_CONFIG_HOME/wombat, else ~/.config/wombat. */
export function configDirectory(env: Env): string {
  if (env['WO_CONFIG_DIR']) return env['WO_CONFIG_DIR'];
  return join(absolute(env['XDG_CONFIG_HOME']) ?? join(home(env), '.config'), 'wombat');
}

/** Where `wo dev` lives without --dir: $XDG_DATA_HOME/wombat/dev, else ~/.local/share/wombat/dev. */
export function devDirectory(env: Env): string {
  return join(absolute(env['XDG_DATA_HOME']) ?? join(home(env), '.local', 'share'), 'wombat', 'dev');
}

export function home(env: Env): string {
  return env['HOME'] || homedir();
}

// The XDG specification has relative values ignored.
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}
