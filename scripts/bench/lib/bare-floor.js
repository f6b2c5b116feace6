// The floor beside a coordinator: see bare-server.js. As many sockets or streams as there are agents, with the same certificates.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openAuthority } from './authority.js';
import { Crowd } from './crowd.js';

/** About what a frame with a command or an outcome takes. */
const frameBytes = 150;

export class BareFloor {
  #child;

  static async start({ repository, directory, coordinatorDirectory, identities, over = 'sockets', beatMs = 0 }) {
    const authorityFile = join(coordinatorDirectory, 'ca/ca.crt');
    const configurationFile = join(directory, 'bare-server.json');
    const pair = await (await openAuthority(repository, coordinatorDirectory)).issueServerKeyPair();
    writeFileSync(configurationFile, JSON.stringify({ ...pair, authorityFile, frameBytes, over }), { mode: 0o600 });
    const child = fork(join(import.meta.dirname, 'bare-server.js'), [configurationFile]);
    const [{ port }] = await once(child, 'message');
    const crowd = new Crowd({ kind: over, directory, identities, authorityFile, port, frameBytes, beatMs });
    return new BareFloor(child, crowd);
  }

  constructor(child, crowd) {
    this.#child = child;
    this.crowd = crowd;
  }

  get pid() {
    return this.#child.pid;
  }

  /** Milliseconds from the first write to each answer. */
  async fanOut() {
    this.#child.send({ order: 'fan-out' });
    const [{ times }] = await once(this.#child, 'message');
    return times;
  }

  async end() {
    await this.crowd.end();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
