/**
 * Globs of paths, without a pattern engine that a hostile name could keep busy: `*` and `?` within a
 * part of the path, `**` for any number of directories.
 */

/** Time grows with the product of the lengths, never faster. */
export function matchesPart(pattern: string, name: string): boolean {
  let [at, star, mark] = [0, -1, 0];
  for (let index = 0; index < name.length; ) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++;
      mark = index;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** What is left of globs below a directory, for each entry of it. */
export class GlobState {
  readonly #rest: readonly (readonly string[])[];

  private constructor(rest: readonly (readonly string[])[]) {
    this.#rest = rest.flatMap(withoutStars);
  }

  static of(patterns: readonly string[]): GlobState {
    return new GlobState(patterns.map((pattern) => pattern.split('/').filter((part) => part !== '' && part !== '.')).filter((parts) => parts.length > 0 && !parts.includes('..')));
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  /** Some file directly in this directory could match. */
  get wantsFiles(): boolean {
    return this.#rest.some((parts) => parts.length === 1 || isDeep(parts));
  }

  matchesFile(name: string): boolean {
    return this.#rest.some((parts) => parts.length === 1 && (parts[0] === '**' || matchesPart(parts[0]!, name)));
  }

  into(directory: string): GlobState {
    return new GlobState(this.#rest.flatMap((parts) => {
      if (parts[0] === '**') return [[...parts]];
      return parts.length > 1 && matchesPart(parts[0]!, directory) ? [parts.slice(1)] : [];
    }));
  }
}

/** Whether a whole path matches; a glob without "/" is compared with its last part. */
export function matchesPath(glob: string, path: string): boolean {
  const parts = path.split('/');
  if (!glob.includes('/')) return matchesPart(glob, parts.at(-1)!);
  const state = parts.slice(0, -1).reduce((at, part) => at.into(part), GlobState.of([glob]));
  return state.matchesFile(parts.at(-1)!);
}

function isDeep(parts: readonly string[]): boolean {
  return parts[0] === '**';
}

/** `**` also stands for no directory at all. */
function withoutStars(parts: readonly string[]): (readonly string[])[] {
  if (parts[0] !== '**' || parts.length === 1) return [parts];
  return [parts, ...withoutStars(parts.slice(1))];
}
