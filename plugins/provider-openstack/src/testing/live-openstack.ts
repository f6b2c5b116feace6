import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LiveCloud } from './live-stage.js';
import { takeTurn } from './turn.js';

const scripts = fileURLToPath(new URL('../../../../scripts/openstack/', import.meta.url));

/** Why no OpenStack can be started here and now; false when it can. */
export function whyNotHere(): string | false {
  if (!process.env['WOMBAT_TEST_FULL']) return 'starting an OpenStack takes minutes: scripts/test --full';
  return process.getuid?.() === 0 ? false : 'needs root: its services are installed from Debian\'s packages';
}

/** An OpenStack on loopback, in a directory of its own; or the one that is up already in WOMBAT_OPENSTACK, which is left running. */
export class LiveOpenstack {
  readonly cloud: LiveCloud;
  readonly #directory: string;
  readonly #turn: Server | undefined;

  private constructor(directory: string, turn?: Server) {
    this.#directory = directory;
    this.#turn = turn;
    this.cloud = JSON.parse(readFileSync(join(directory, 'cloud.json'), 'utf8')) as LiveCloud;
  }

  static async start(): Promise<LiveOpenstack> {
    const running = process.env['WOMBAT_OPENSTACK'];
    if (running) return new LiveOpenstack(running);
    // Two at once are more than a small machine can bear.
    const turn = await takeTurn('openstack');
    const directory = mkdtempSync(join(tmpdir(), 'wombat-os-'));
    await run('up', directory);
    return new LiveOpenstack(directory, turn);
  }

  async stop(): Promise<void> {
    if (process.env['WOMBAT_OPENSTACK']) return;
    await run('down', this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
    this.#turn?.close();
  }
}

/** What it says goes to the test's own stderr. */
async function run(script: string, directory: string): Promise<void> {
  const child = spawn(join(scripts, script), [directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`scripts/openstack/${script} ended with ${String(code)}: its logs are in ${directory}/log`);
}
