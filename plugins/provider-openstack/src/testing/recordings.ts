import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Recording } from './exchange.js';

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(pathOf(name), 'utf8')) as Recording;
}

/** An exchange on each line, so that a change shows which one it is. */
export function writeRecording(name: string, { facts, exchanges }: Recording): void {
  const lines = exchanges.map((exchange) => JSON.stringify(exchange)).join(',\n');
  writeFileSync(pathOf(name), `{"facts":${JSON.stringify(facts)},"exchanges":[\n${lines}\n]}\n`);
}

/** Among the sources: what is compiled is thrown away. */
function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../src/testing/recorded/${name}.json`, import.meta.url));
}
