import { sanitise } from './sanitise.js';

const newline = 10;

/** Lines without their ends; what comes after the last end is one, too. */
export function linesOf(data: Uint8Array): Buffer[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(newline, at);
    lines.push(bytes.subarray(at, end < 0 ? bytes.length : end));
    at = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

/** Remote lines, each behind a prefix: on a terminal with control characters shown instead of obeyed, elsewhere byte for byte. */
export function prefixedLines(isTerminal: boolean, prefix: string, lines: readonly Buffer[]): Buffer {
  if (isTerminal) return Buffer.from(lines.map((line) => `${prefix}${shown(line)}\n`).join(''));
  const [start, end] = [Buffer.from(prefix), Buffer.from('\n')];
  return Buffer.concat(lines.flatMap((line) => [start, line, end]));
}

function shown(line: Buffer): string {
  const text = line.toString();
  return sanitise(text.endsWith('\r') ? text.slice(0, -1) : text);
}
