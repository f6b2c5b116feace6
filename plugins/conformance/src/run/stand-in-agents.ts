import { execFile } from 'node:child_process';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentCommand } from '@wombat/plugin-sdk';

/** Joins (removes its token), then lives until it is ended, or until nobody holds the other end of the pipe. */
const agent = `
pipe=$1
while [ $# -gt 0 ]; do
  if [ "$1" = --join-token-file ]; then rm -f "$2"; fi
  shift
done
read -r _ <"$pipe"
`;

/** Agents for drivers that start them themselves: they end with the conformance run, whatever the driver does. */
export class StandInAgents {
  readonly #pipe: string;
  readonly #held: FileHandle;

  private constructor(pipe: string, held: FileHandle) {
    this.#pipe = pipe;
    this.#held = held;
  }

  static async open(directory: string): Promise<StandInAgents> {
    const pipe = join(directory, 'agents');
    await promisify(execFile)('mkfifo', ['-m', '600', pipe]);
    return new StandInAgents(pipe, await open(pipe, 'r+'));
  }

  command(hostId: string): AgentCommand {
    return { argv: ['/bin/sh', '-c', agent, 'wombat-agent', this.#pipe], environment: {}, joinToken: `token-of-${hostId}` };
  }

  async close(): Promise<void> {
    await this.#held.close();
  }
}
