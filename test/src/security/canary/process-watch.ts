import { readdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';

/** What everybody can see of a process of this machine, and what its user can. */
export interface ProcessText {
  readonly what: 'cmdline' | 'comm' | 'environ';
  readonly bytes: Buffer;
  /** Of the node that it belongs to; that of no node for what outlives it, as epmd does. */
  readonly family: string | undefined;
  readonly isWo: boolean;
  /** First words of its command line, for messages. */
  readonly command: string;
}

const everyMs = 150;

/** Looks at every process of the machine again and again, and remembers what was new. */
export class ProcessWatch {
  readonly #texts: ProcessText[] = [];
  readonly #seen = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(t: Test) {
    this.#timer = setInterval(() => this.#look(), everyMs);
    t.teardown(() => clearInterval(this.#timer));
  }

  /** Ends the watch with a last look at everything. */
  end(): readonly ProcessText[] {
    clearInterval(this.#timer);
    this.#seen.clear();
    this.#look();
    return this.#texts;
  }

  #look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const cmdline = read(pid, 'cmdline');
      const key = `${pid} ${cmdline.toString('latin1')}`;
      if (this.#seen.has(key) || pid === String(process.pid)) continue;
      this.#seen.add(key);
      this.#remember(pid, cmdline);
    }
  }

  #remember(pid: string, cmdline: Buffer): void {
    const [comm, environ] = [read(pid, 'comm'), read(pid, 'environ')];
    const variables = environ.toString('latin1').split('\0');
    const family = variables.find((variable) => variable.startsWith('WOMBAT_FAMILY='))?.slice('WOMBAT_FAMILY='.length);
    const isOfNode = variables.some((variable) => variable.startsWith('WOMBAT_NODE_ID=')) && comm.toString().trim() !== 'epmd';
    const words = cmdline.toString('latin1').replaceAll('\0', ' ');
    const about = { family: isOfNode ? family : undefined, isWo: words.includes('/cli/bin/wo.js') || comm.toString().trim() === 'wo', command: `process ${pid} (${comm.toString().trim()})` };
    this.#texts.push({ what: 'cmdline', bytes: cmdline, ...about }, { what: 'comm', bytes: comm, ...about }, { what: 'environ', bytes: environ, ...about });
  }
}

/** Processes end while they are read. */
function read(pid: string, name: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${name}`);
  } catch {
    return Buffer.alloc(0);
  }
}
