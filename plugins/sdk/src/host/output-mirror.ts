import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Of a line; the log cuts it further once secrets are out. */
const longestLine = 8_000;
/** More is read when the next turn comes: who writes faster waits, not the coordinator. */
const bytesPerTurn = 256 * 1024;
const turnMs = 100;

/** Hands on the lines of an output, so that no amount of it costs much. */
export function mirrorLines(stream: Readable, write: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  let spent = 0;
  const tell = (): void => {
    if (line.trim() !== '') write(line);
    line = '';
  };
  const extend = (piece: string): void => {
    if (line.length < longestLine) line += piece.slice(0, longestLine - line.length);
  };
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...rest] = decoder.write(chunk).split('\n');
    extend(first);
    for (const piece of rest) {
      tell();
      extend(piece);
    }
    spent += chunk.length;
    if (spent < bytesPerTurn) return;
    stream.pause();
    setTimeout(() => {
      spent = 0;
      stream.resume();
    }, turnMs).unref();
  });
  stream.once('close', tell);
  // It may have been paused by whoever read its beginning.
  stream.resume();
}
