import { pino, type Logger } from 'pino';
import type { Configuration } from './configuration/configuration.js';

/** Names of fields that hold secrets wherever they stand. */
const secretFields = ['token', 'secret', 'password', 'cookie', 'authorization', 'joinToken', 'privateKey'];

/** Lines of JSON on stdout, or text to be read by people. Errors are written with their cause. */
export function openLog({ level, format }: Configuration['log']): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '***' },
  };
  return format === 'json' ? pino(options) : pino(options, { write: (line) => process.stdout.write(asText(line)) });
}

function asText(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const word = pino.levels.labels[level as number] ?? '';
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${String(time)} ${word.padEnd(5)} ${String(msg)}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}\n`;
}
