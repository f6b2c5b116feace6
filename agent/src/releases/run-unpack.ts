import { toErrorDetail, WombatError } from '@wombat/proto';
import type { UnpackAnswer } from './child-unpacker.js';
import { inProcessUnpacker } from './unpacker.js';

/**
 * The child's side of ChildUnpacker: `<program> unpack ARCHIVE SIZE DIRECTORY`. The program's main calls it with what
 * follows `unpack`, before anything else is set up, and exits with what it answers.
 */
export async function runUnpack(argv: readonly string[], write: (text: string) => void = (text) => process.stdout.write(text)): Promise<number> {
  const [archivePath, size, directory] = argv;
  if (archivePath === undefined || directory === undefined || !/^\d+$/.test(size ?? '')) {
    process.stderr.write('usage: unpack ARCHIVE SIZE_IN_BYTES DIRECTORY (called by the agent itself)\n');
    return 2;
  }
  try {
    const { topFolder } = await inProcessUnpacker.unpack({ archivePath, sizeBytes: Number(size), directory }, new AbortController().signal);
    write(JSON.stringify({ topFolder } satisfies UnpackAnswer));
    return 0;
  } catch (error) {
    const { code, message, hint, details } = toErrorDetail(WombatError.from(error));
    write(JSON.stringify({ error: { code, message, hint, details } } satisfies UnpackAnswer));
    return 1;
  }
}
