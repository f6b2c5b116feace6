import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './checkout.js';

/** Packs the agent as it was built, with the Node.js that runs the test. */
export async function packageAgent(directory: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(checkout, 'scripts/package-agent.js'), '--this-node', '--out', directory], { timeout: 120_000 });
}
