import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConformanceOptions } from '../options.js';
import { DirectoryCloud } from './directory-cloud.js';
import { refusedPassword } from './reference-provider.js';

const program = fileURLToPath(new URL('./reference-program.js', import.meta.url));

/** Options for the reference provider, which breaks one check or none, on a cloud of its own. */
export function referenceOptions(t: { teardown(clean: () => void): unknown }, broken = ''): ConformanceOptions & { readonly command: readonly string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-cloud-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const cloud = new DirectoryCloud(directory);
  const setThrottling = (value: boolean) => async (): Promise<void> => {
    cloud.isThrottling = value;
  };
  return {
    command: [process.execPath, program, broken],
    settings: { cloud: directory, password: 'password-of-the-test' },
    inventory: async () => cloud.machines().map(({ id }) => id),
    authFailure: { settings: { password: refusedPassword } },
    throttling: { begin: setThrottling(true), end: setThrottling(false) },
    // Others use this machine too.
    slack: 5,
  };
}
