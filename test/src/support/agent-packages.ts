import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './checkout.js';

/** Packs the agent as it was built. `node`: with the Node.js that runs the test, or with the one that it is shipped with. */
export async function packageAgent(directory: string, { node = 'this' }: { readonly node?: 'this' | 'shipped' } = {}): Promise<void> {
  const choice = node === 'this' ? ['--this-node'] : ['--arch', process.arch];
  await promisify(execFile)(process.execPath, [join(checkout, 'scripts/package-agent.js'), ...choice, '--out', directory], { timeout: 300_000 });
}
