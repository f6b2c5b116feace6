import { pino, type Logger } from 'pino';

/** A real logger whose lines a test can read. */
export function memoryLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: 'trace', base: null }, { write: (line: string) => void lines.push(line) }), lines };
}
