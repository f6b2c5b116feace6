import { catalogue, fromServiceError } from '@wombat/proto';
import { errorBlock } from './output/error-block.js';
import { colourChoiceIn, coloursFor } from './terminal/colours.js';
import type { Io } from './terminal/io.js';

/** Tells anything caught as the four lines, with what lies under it when --debug says so; answers the exit code of its kind. */
export function tellWombatError(value: unknown, io: Io, argv: readonly string[]): number {
  const error = fromServiceError(value);
  const { exit, meaning } = catalogue[error.code];
  io.stderr.write(`${errorBlock(error, { meaning, colours: coloursFor(io.stderr, io.env, colourChoiceIn(argv)) })}\n`);
  if (argv.includes('--debug')) io.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `cause: ${error.cause.stack}\n` : ''}`);
  return exit;
}
