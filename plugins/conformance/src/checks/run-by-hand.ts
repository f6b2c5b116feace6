import { spawn } from 'node:child_process';
import { expect, type Check } from '../check.js';
import type { Context } from '../run/context.js';
import { inheritedEnvironment } from '@wombat/plugin-sdk/host';

export const runByHand: Check<Pick<Context, 'command' | 'environment' | 'homes' | 'bounds'>, unknown> = {
  name: 'run-by-hand',
  promise: 'refuses to run by hand: says that it is a plugin, and ends with an error',
  advice: 'Without the cookie `WOMBAT_PLUGIN` in its environment the program writes a sentence with the word "plugin" to standard error and exits with a code that is not 0.',
  async run({ command, environment, homes, bounds }) {
    const [program, ...words] = command;
    const child = spawn(program!, words, {
      env: { ...inheritedEnvironment(), ...environment }, cwd: homes.work, stdio: ['ignore', 'pipe', 'pipe'], timeout: bounds.refusalMs, killSignal: 'SIGKILL',
    });
    const heard = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (bytes: Buffer) => (heard[name] += bytes.toString()));
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => child.once('error', reject).once('close', (...how) => resolve(how)));
    expect(signal === null, `it has not ended after ${bounds.refusalMs} ms`);
    expect(code !== 0, 'it ends with the code 0');
    expect(!/^\d+\|\d+\|/m.test(heard.stdout), 'it shakes hands with nobody');
    expect(/plugin/i.test(heard.stderr), 'it does not say on standard error that it is a plugin');
  },
};
