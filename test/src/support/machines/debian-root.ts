import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { system } from './system.js';

const suite = 'bookworm';
/** A small server's: what boots, cloud-init, sshd and sudo, and the libraries that an Erlang VM is linked to. No kernel: it is a container's. */
const common = ['dbus', 'iproute2', 'netbase', 'ca-certificates', 'curl', 'cloud-init', 'openssh-server', 'sudo', 'python3', 'procps', 'libstdc++6', 'libtinfo6'];
const packages = ['systemd', 'systemd-sysv', ...common];
const sysvinitPackages = ['sysvinit-core', 'ifupdown', ...common];
/** Of a whole machine. cloud-init asks for an address before the network is set up. */
const guestPackages = [...packages, 'linux-image-cloud-amd64', 'initramfs-tools', 'zstd', 'isc-dhcp-client'];

/** Its first process. */
export type Init = 'systemd' | 'sysvinit';

const roots = new Map<Init, Promise<string>>();

/** The root of a clean Debian machine, shared by all that read it; made at the first call, in a minute. */
export async function debianRoot(init: Init): Promise<string> {
  const of = init === 'systemd' ? packages : sysvinitPackages;
  // User-data comes from the seed alone, and the network is set from outside before the machine boots.
  const made = roots.get(init) ?? cached(init === 'systemd' ? 'debian' : 'debian-sysvinit', of, async (directory) => await makeRoot(directory, of, 'NoCloud'));
  roots.set(init, made);
  return await made;
}

/** What a whole Debian machine is booted from: `disk.img`, `vmlinuz` and `initrd.img` in one directory, shared by all that only read them. */
export async function debianGuest(): Promise<string> {
  return await cached('debian-guest', guestPackages, async (directory) => {
    const root = join(directory, 'root');
    await mkdir(directory);
    await makeRoot(root, guestPackages, 'Ec2');
    await writeFile(join(root, 'etc/systemd/network/wired.network'), '[Match]\nName=eth*\n[Network]\nDHCP=ipv4\n');
    await system('chroot', root, 'systemctl', 'enable', 'systemd-networkd.service', 'systemd-networkd-wait-online.service');
    await system('cp', '--dereference', join(root, 'vmlinuz'), join(root, 'initrd.img'), directory);
    await system('mke2fs', '-q', '-t', 'ext4', '-d', root, join(directory, 'disk.img'), '3G');
    await rm(root, { recursive: true });
  });
}

/** What `make` has made of these packages once, whole, in the user's cache. */
async function cached(name: string, of: readonly string[], make: (unfinished: string) => Promise<void>): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wombat');
  const made = join(cache, `${name}-${suite}-${createHash('sha256').update(of.join()).digest('hex').slice(0, 8)}`);
  if (existsSync(made)) return made;
  const unfinished = `${made}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  await make(unfinished);
  await rename(unfinished, made);
  return made;
}

/** `source`: of user-data, as cloud-init calls it. */
async function makeRoot(root: string, of: readonly string[], source: string): Promise<void> {
  await system('mmdebstrap', '--mode=root', '--variant=minbase', `--include=${of.join(',')}`, suite, root);
  await rm(join(root, 'var/lib/apt/lists'), { recursive: true, force: true });
  // It has no locale but C.
  await writeFile(join(root, 'etc/cloud/cloud.cfg.d/99-test.cfg'), `datasource_list: [${source}, None]\nnetwork: {config: disabled}\nlocale: false\n`);
  await writeFile(join(root, 'etc/machine-id'), '');
  await system('chmod', '0755', root);
}
