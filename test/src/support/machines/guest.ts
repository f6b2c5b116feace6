import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { debianGuest } from './debian-root.js';
import { startMetadataService, type InstanceMetadata } from './metadata-service.js';
import { companion, endChild } from './system.js';

/** Where the guest finds ports of the test's loopback. */
const relayAddress = '10.0.2.100';
const metadataAddress = '169.254.169.254';
const memoryMiB = 1_024;

/**
 * A whole Debian machine, with a kernel of its own, that QEMU emulates: an instance of EC2 as cloud-init sees it. It reaches
 * its metadata service and the ports it was given, and nothing else.
 */
export class Guest {
  readonly relayAddress = relayAddress;

  private constructor(
    private readonly directory: string,
    private readonly process: ChildProcess,
  ) {}

  /** `ports`: of the loopback, at `Guest.relayAddress` for the guest. */
  static async boot(t: Test, instance: InstanceMetadata, ports: readonly number[]): Promise<Guest> {
    const source = await debianGuest();
    const metadataPort = await startMetadataService(t, instance);
    const directory = await mkdtemp(join(tmpdir(), 'wombat-guest-'));
    const output = openSync(join(directory, 'qemu.log'), 'a');
    const console = join(directory, 'console.log');
    const qemu = companion(['qemu-system-x86_64', ...hardware(source, console), ...networks(ports, metadataPort)], output);
    closeSync(output);
    const guest = new Guest(directory, qemu);
    t.teardown(async () => {
      await endChild(qemu, 10_000);
      await rm(directory, { recursive: true, force: true });
    });
    return guest;
  }

  static readonly relayAddress = relayAddress;

  /** The last that it, or its emulator, wrote. */
  console(): string {
    const end = this.process.exitCode === null ? '' : `\nQEMU has ended with ${this.process.exitCode}`;
    return ['qemu.log', 'console.log'].map((name) => readTail(join(this.directory, name))).join('\n') + end;
  }
}

function hardware(source: string, console: string): string[] {
  const kernel = ['root=/dev/vda', 'rw', 'console=ttyS0', 'net.ifnames=0', 'mitigations=off', 'systemd.log_target=console'];
  return [
    '-machine', 'pc,accel=tcg', '-cpu', 'max', '-smp', '1', '-m', String(memoryMiB), '-display', 'none', '-monitor', 'none', '-no-reboot', '-nodefaults',
    '-serial', `file:${console}`,
    // How cloud-init knows an instance of EC2.
    '-smbios', 'type=1,manufacturer=Amazon EC2,serial=ec2a3f3e-5d8c-4b1a-9f00-000000000001,uuid=ec2a3f3e-5d8c-4b1a-9f00-000000000001',
    '-kernel', join(source, 'vmlinuz'), '-initrd', join(source, 'initrd.img'), '-append', kernel.join(' '),
    '-drive', `file=${join(source, 'disk.img')},if=virtio,format=raw,snapshot=on`,
    '-device', 'virtio-rng-pci',
  ];
}

function networks(ports: readonly number[], metadataPort: number): string[] {
  const relays = ports.map((port) => `guestfwd=tcp:${relayAddress}:${port}-cmd:socat - TCP4:127.0.0.1:${port}`);
  const metadata = `guestfwd=tcp:${metadataAddress}:80-cmd:socat - TCP4:127.0.0.1:${metadataPort}`;
  return [
    // cloud-init asks on the first.
    '-netdev', ['user', 'id=n0', 'ipv6=off', 'restrict=on', 'net=169.254.169.0/24', metadata].join(','), '-device', 'virtio-net-pci,netdev=n0',
    '-netdev', ['user', 'id=n1', 'ipv6=off', 'restrict=on', ...relays].join(','), '-device', 'virtio-net-pci,netdev=n1',
  ];
}

function readTail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-4_000) : '';
}
