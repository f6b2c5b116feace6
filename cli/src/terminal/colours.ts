import picocolors from 'picocolors';
import { isLive, type OutputStream } from './io.js';

export type Colours = ReturnType<typeof picocolors.createColors>;

export const colourChoices = ['auto', 'always', 'never'] as const;
export type ColourChoice = (typeof colourChoices)[number];

/** What the flags of a command say. */
export function colourChoice({ noColor, color = 'auto' }: { readonly noColor: boolean; readonly color: ColourChoice | undefined }): ColourChoice {
  return noColor ? 'never' : color;
}

/** The same of a command line that was not understood. */
export function colourChoiceIn(argv: readonly string[]): ColourChoice {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const given = words.map((word, index) => (word === '--color' ? words[index + 1] : word.startsWith('--color=') ? word.slice('--color='.length) : undefined));
  return colourChoice({ noColor: words.includes('--no-color'), color: colourChoices.find((choice) => given.includes(choice)) });
}

/**
 * Colours of one stream: the flags, then NO_COLOR, then FORCE_COLOR decide; else a terminal that
 * is not dumb has them.
 */
export function coloursFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>, choice: ColourChoice): Colours {
  return picocolors.createColors(hasColours(stream, env, choice));
}

function hasColours(stream: OutputStream, env: Readonly<Record<string, string | undefined>>, choice: ColourChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env['NO_COLOR']) return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return isLive(stream, env);
}
