import { UsageError } from '../usage-error.js';

/** A path on every target of an expression. */
export interface RemotePath {
  readonly expression: string;
  readonly path: string;
}

/** `EXPRESSION:PATH`, parted at the first colon that is not in double quotes. @throws UsageError */
export function parseRemotePath(given: string): RemotePath {
  const [, expression, path] = /^((?:"(?:[^"\\]|\\.)*"|[^":])+):(.*)$/s.exec(given) ?? [];
  if (expression !== undefined && path !== undefined && expression.trim() !== '') return { expression, path };
  throw new UsageError(`${JSON.stringify(given)} is no EXPRESSION:PATH`, "as in: web:etc/app.conf, or 'family = web and zone = eu-1:etc/app.conf'");
}
