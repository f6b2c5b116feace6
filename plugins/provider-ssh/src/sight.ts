import { tagNames } from '@wombat/plugin-sdk';

/** What was seen on a machine. */
export type Sight =
  /** Nobody has it. */
  | { readonly kind: 'free' }
  /** A host of a cluster. */
  | { readonly kind: 'host'; readonly host: SeenHost }
  /** It has an agent that this driver did not install. */
  | { readonly kind: 'foreign' }
  /** It cannot be used, and says why. */
  | { readonly kind: 'refused'; readonly why: string }
  /** The agent could not be installed, or taken away; the end of what was said of it. */
  | { readonly kind: 'failed'; readonly log: string };

export type HostState = 'installing' | 'installed' | 'releasing';

export interface SeenHost {
  readonly state: HostState;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: Date | undefined;
}

/** Reads the lines of an answer; undefined: it is none. Whoever has the machine may have written them. */
export function readSight(answer: string): Sight | undefined {
  const lines = answer.split('\n').map((line) => /^([a-z]+) ?(.*)$/.exec(line)).filter((line) => line !== null);
  const valuesOf = (name: string): string[] => lines.filter(([, each]) => each === name).map(([, , value]) => value!);
  const [refused] = valuesOf('refused');
  if (refused !== undefined) return { kind: 'refused', why: printable(refused) };
  const [state] = valuesOf('state');
  switch (state) {
    case 'free':
    case 'foreign':
      return { kind: state };
    case 'failed':
      return { kind: 'failed', log: valuesOf('log').map(printable).filter((line) => line !== '').slice(-3).join('; ') };
    case 'installing':
    case 'installed':
    case 'releasing':
      return { kind: 'host', host: { state, tags: { ...tagsIn(valuesOf('tag')), ...ownerTags(valuesOf('owner')[0]) }, createdAt: dateIn(valuesOf('created')[0]) } };
    default:
      return undefined;
  }
}

function tagsIn(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.slice(0, 100).map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]));
}

/** Whose it is stands in one line of its own. */
function ownerTags(owner = ''): Record<string, string> {
  const [cluster = '', host = '', key = ''] = owner.split(' ');
  return { [tagNames.cluster]: cluster, [tagNames.host]: host, [tagNames.key]: key };
}

function dateIn(seconds = ''): Date | undefined {
  return /^\d{9,11}$/.test(seconds) ? new Date(Number(seconds) * 1_000) : undefined;
}

function printable(line: string): string {
  return line.replace(/[^\x20-\x7e]/g, '?').trim().slice(0, 200);
}
