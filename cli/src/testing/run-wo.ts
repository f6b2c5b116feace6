import { runCommandLine } from '../main.js';
import type { FakeCoordinator } from './fake-coordinator.js';
import { fakeIo, type FakeIo, type FakeIoOptions } from './fake-io.js';

export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `wo` in this process against a fake coordinator, and answers what it said. */
export async function runWo(coordinator: FakeCoordinator | undefined, argv: readonly string[], options: FakeIoOptions = {}): Promise<Ran> {
  const started = startWo(coordinator, argv, options);
  return { exit: await started.exit, stdout: started.io.stdout.text, stderr: started.io.stderr.text };
}

/** The same, for tests that interfere while it runs. */
export function startWo(coordinator: FakeCoordinator | undefined, argv: readonly string[], options: FakeIoOptions = {}): { io: FakeIo; exit: Promise<number> } {
  const io = fakeIo({ ...options, env: { ...(coordinator && { WO_CONFIG_DIR: coordinator.configDirectory }), ...options.env } });
  return { io, exit: runCommandLine(argv, io) };
}
