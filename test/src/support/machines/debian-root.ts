import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { system } from './system.js';

const suite = 'bookworm';
/** A small server's: what boots, cloud-init, sshd and sudo, and the libraries that an Erlang VM is linked to. No kernel: it is a container's. */
const packages = ['systemd', 'systemd-sysv', 'dbus', 'iproute2', 'netbase', 'ca-certificates', 'curl', 'cloud-init', 'openssh-server', 'sudo', 'python3', 'procps', 'libstdc++6', 'libtinfo6'];

let root: Promise<string> | undefined;

/** The root of a clean Debian machine, shared by all that read it; made at the first call, in a minute. */
export async function debianRoot(): Promise<string> {
  return await (root ??= cachedRoot());
}

async function cachedRoot(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wombat');
  const root = join(cache, `debian-${suite}-${createHash('sha256').update(packages.join()).digest('hex').slice(0, 8)}`);
  if (existsSync(root)) return root;
  const unfinished = `${root}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  await system('mmdebstrap', '--mode=root', '--variant=minbase', `--include=${packages.join(',')}`, suite, unfinished);
  await rm(join(unfinished, 'var/lib/apt/lists'), { recursive: true, force: true });
  // User-data comes from the seed alone, and the network is set from outside before the machine boots. It has no locale but C.
  await writeFile(join(unfinished, 'etc/cloud/cloud.cfg.d/99-test.cfg'), 'datasource_list: [NoCloud, None]\nnetwork: {config: disabled}\nlocale: false\n');
  await writeFile(join(unfinished, 'etc/machine-id'), '');
  await system('chmod', '0755', unfinished);
  await rename(unfinished, root);
  return root;
}
