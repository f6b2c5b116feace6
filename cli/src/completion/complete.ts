import type { Io } from '../terminal/io.js';
import { offer } from './candidates.js';
import { replacementFor, splitLine } from './shell-words.js';
import { readTypedLine } from './typed-line.js';

/**
 * `wo __complete bash BREAKS LINE` and `wo __complete zsh|fish -- WORD...`, called by the scripts of
 * `wo completion`. Answers "words", "files" or "directories" on the first line, then a candidate a line:
 * for bash as it is put in, else "VALUE<tab>ABOUT". Says nothing else, whatever goes wrong.
 */
export async function complete(argv: readonly string[], io: Io): Promise<void> {
  const [shell, ...rest] = argv;
  const lines = await (shell === 'bash' ? forBash(rest[1] ?? '', rest[0] ?? '', io) : forWords(shell === 'fish' ? withoutQuotes(rest.slice(1)) : rest.slice(1), io)).catch(() => ['words']);
  io.stdout.write(`${lines.join('\n')}\n`);
}

async function forBash(line: string, breaks: string, io: Io): Promise<string[]> {
  const { words, last } = splitLine(line, breaks);
  const found = await offer(await readTypedLine([...words.slice(1), last.text]), io);
  return [found.instead ?? 'words', ...found.candidates.map(({ value }) => replacementFor(value, last))];
}

/** fish gives the last word as it was typed, perhaps with an open quote. */
function withoutQuotes(words: readonly string[]): string[] {
  return [...words.slice(0, -1), splitLine(words.at(-1) ?? '').last.text];
}

async function forWords(words: readonly string[], io: Io): Promise<string[]> {
  const found = await offer(await readTypedLine(words), io);
  return [found.instead ?? 'words', ...found.candidates.map(({ value, about }) => (about ? `${value}\t${about}` : value))];
}
