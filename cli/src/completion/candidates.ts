import { commands, nouns, programs } from '../commands/registry.js';
import { sanitise } from '../output/sanitise.js';
import type { Io } from '../terminal/io.js';
import type { Source } from './source.js';
import { namesOf, type TypedLine, type Wanted } from './typed-line.js';

/** A word that the shell may put in, and a few words about it. */
export interface Candidate {
  readonly value: string;
  readonly about?: string;
}

/** What the shell is told: words of ours, or that it shall offer files or directories of its own. */
export interface Offer {
  readonly instead?: 'files' | 'directories';
  readonly candidates: readonly Candidate[];
}

/** What may stand where the last word is. Throws nothing that a shell would show. */
export async function offer(line: TypedLine, io: Io): Promise<Offer> {
  const { wanted, typed } = line;
  const [prefix, all] = wanted.kind === 'value' ? [wanted.prefix, await values(line, io)] : ['', words(wanted)];
  if (all === 'files' || all === 'directories') return { instead: all, candidates: [] };
  const isOperand = wanted.kind === 'value' && prefix === '';
  const fitting = all.filter(({ value }) => value.startsWith(typed) && isHarmless(value) && !(isOperand && value.startsWith('-')));
  const unique = new Map(fitting.map(({ value, about = '' }) => [value, { value: `${prefix}${value}`, about: sanitise(about).replaceAll('\t', ' ') }]));
  return { candidates: [...unique.values()] };
}

/** What a terminal would obey never gets there. */
function isHarmless(value: string): boolean {
  return value !== '' && sanitise(value) === value && !value.includes('\t');
}

function words(wanted: Wanted): Candidate[] {
  switch (wanted.kind) {
    case 'command':
      return wanted.noun === undefined ? topLevel() : commands.filter(({ path }) => path.startsWith(`${wanted.noun} `)).map(({ path, summary }) => ({ value: path.slice(wanted.noun!.length + 1), about: summary }));
    case 'flag':
      return [...wanted.options.map((spec) => ({ value: namesOf(spec).at(-1)!, about: spec.help })), { value: '--help', about: 'help for a command' }];
    default:
      return [];
  }
}

function topLevel(): Candidate[] {
  return [
    ...commands.flatMap(({ path, short, summary }) => [...(path.includes(' ') ? [] : [{ value: path, about: summary }]), ...(short ? [{ value: short, about: summary }] : [])]),
    ...Object.entries(nouns).map(([value, about]) => ({ value, about })),
    ...programs.map(({ path, summary }) => ({ value: path, about: summary })),
    { value: 'help', about: 'help for a command' },
  ];
}

async function values(line: TypedLine, io: Io): Promise<readonly Candidate[] | 'files' | 'directories'> {
  if (line.wanted.kind !== 'value') return [];
  const { completes } = line.wanted;
  if (typeof completes === 'object' && 'words' in completes) return completes.words.map((value) => ({ value }));
  const sources: readonly Source[] = typeof completes === 'string' ? [completes] : completes;
  if (sources.includes('file')) return 'files';
  if (sources.includes('directory')) return 'directories';
  if (sources.includes('error code')) return errorCodes();
  if (sources.includes('context')) return contexts(io);
  const { liveNames } = await import('./live-names.js');
  return liveNames(sources, line, io);
}

async function errorCodes(): Promise<Candidate[]> {
  const { catalogue } = await import('@wombat/proto');
  return Object.entries(catalogue).map(([value, { meaning }]) => ({ value, about: meaning }));
}

async function contexts({ env }: Io): Promise<Candidate[]> {
  const [{ readConfigFile }, { configDirectory }] = await Promise.all([import('../context/config-file.js'), import('../context/paths.js')]);
  const config = await readConfigFile(configDirectory(env), env);
  return Object.entries(config.contexts).map(([value, { address = '' }]) => ({ value, about: address }));
}
