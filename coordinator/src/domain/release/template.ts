import { filterSecretMarks, mostNestedFilters, textFilters, WombatError, type TextFilter } from '@wombat/proto';
import Mustache from 'mustache';
import { nearestText } from './nearest.js';

/**
 * Templates are mustache without HTML escaping. Filters are sections, so that no grammar of our own is needed:
 *
 *   {{#erlangString}}{{node.name}}{{/erlangString}}   "riak-3"      an Erlang string, quoted
 *   {{#erlangBinary}}{{node.name}}{{/erlangBinary}}   <<"riak-3"/utf8>>
 *   {{#erlangAtom}}{{node.erlangName}}{{/erlangAtom}} 'riak-3@...'  an Erlang atom, quoted
 *   {{#shellWord}}{{family.name}}{{/shellWord}}       'my family'   one word for a POSIX shell
 *
 * What only the host knows is rendered as a mark that the agent fills: {{secret:NAME}}, {{path:data}},
 * {{path:home}}, {{path:root}}.
 */
export interface TemplateNames {
  /** "node.port.*" stands for any last part. */
  readonly names: readonly string[];
  /** Names known inside a section, by the section's name. */
  readonly sections: Readonly<Record<string, readonly string[]>>;
  /** Secrets that may be named; `any` while the family is not known, `none` where everybody could read them. */
  readonly secrets: readonly string[] | 'any' | 'none';
}

export type TemplateView = Readonly<Record<string, unknown>>;

/** Secrets inside are escaped on the host, where they are filled in. */
function filtered(text: string, name: string, { escape, quotes: [open, close] }: TextFilter): string {
  return `${open}${filterSecretMarks(escape(text), name)}${close}`;
}

/** @throws WombatError WO_TEMPLATE_INVALID with the line, and for an unknown name the nearest there is */
export function checkTemplate(path: string, text: string, names: TemplateNames): void {
  checkTokens(path, text, parse(path, text), names, names.names);
}

/** @throws WombatError WO_TEMPLATE_INVALID */
export function renderTemplate(path: string, text: string, names: TemplateNames, view: TemplateView): string {
  const tokens = parse(path, text);
  checkTokens(path, text, tokens, names, names.names);
  const marks = Object.fromEntries(secretNames(tokens).map((name) => [name, `{{${name}}}`]));
  const sections = Object.fromEntries(Object.entries(textFilters).map(([name, filter]) => [name, () => (inner: string, render: (text: string) => string) => filtered(render(inner), name, filter)]));
  // A writer of its own for each text: mustache keeps every template that a shared one has seen.
  return new Mustache.Writer().render(text, { ...view, ...marks, ...sections }, undefined, { escape: String });
}

/** Whether a text names any of these. */
export function usesName(text: string, names: readonly string[]): boolean {
  return names.some((name) => text.includes(name) && text.includes('{{'));
}

type Token = readonly [type: string, value: string, start: number, end: number, ...rest: unknown[]];

function parse(path: string, text: string): readonly Token[] {
  try {
    return new Mustache.Writer().parse(text) as unknown as Token[];
  } catch (error) {
    const isErlang = /\.(config|app|rel)(\.src)?$/.test(path);
    const hint = 'where "{{" opens an Erlang term and no placeholder, write "{ {"';
    throw new WombatError('WO_TEMPLATE_INVALID', `${path}: ${(error as Error).message}`, { details: { path }, ...(isErlang ? { hint } : {}) });
  }
}

/** `opened`: the sections around these tokens. */
function checkTokens(path: string, text: string, tokens: readonly Token[], names: TemplateNames, known: readonly string[], opened: readonly string[] = []): void {
  for (const token of tokens) {
    const [type, name] = token;
    if (type === 'text' || type === '!') continue;
    if (type === '>' || type === '=') throw invalid(path, text, token, `{{${type}...}} is not supported`);
    const isFilter = type === '#' && Object.hasOwn(textFilters, name);
    if (isSecret(name)) {
      checkSecret(path, text, token, names.secrets);
      continue;
    }
    if (!isFilter && !isKnown(name, known)) {
      const candidates = type === '#' ? [...known, ...Object.keys(textFilters)] : known;
      throw invalid(path, text, token, `{{${type === '#' ? '#' : ''}${name}}} is not known${nearestText(name, candidates)}`);
    }
    if (type === '#' || type === '^') checkNesting(path, text, token, opened, isFilter);
    const inner = Array.isArray(token[4]) ? (token[4] as Token[]) : [];
    const more = type === '#' ? (names.sections[name] ?? []) : [];
    checkTokens(path, text, inner, names, [...known, ...more], [...opened, name]);
  }
}

/** Each filter doubles what the one inside it has escaped, and a list in itself is rendered as often as its length squared. */
function checkNesting(path: string, text: string, token: Token, opened: readonly string[], isFilter: boolean): void {
  const [type, name] = token;
  if (opened.length >= mostNestedFilters) throw invalid(path, text, token, `{{${type}${name}}} stands in more than ${mostNestedFilters} others`);
  if (!isFilter && opened.includes(name)) throw invalid(path, text, token, `{{${type}${name}}} stands in itself`);
}

function isKnown(name: string, known: readonly string[]): boolean {
  return known.some((one) => one === name || (one.endsWith('.*') && name.startsWith(one.slice(0, -1)) && /^[\w-]+$/.test(name.slice(one.length - 1))));
}

function isSecret(name: string): boolean {
  return /^secret:[A-Za-z_][\w-]*$/.test(name);
}

function checkSecret(path: string, text: string, token: Token, secrets: TemplateNames['secrets']): void {
  const [type, mark] = token;
  const name = mark.slice('secret:'.length);
  if (secrets === 'none') throw invalid(path, text, token, `{{${mark}}} cannot stand in a command: everybody on the host would see it`);
  if (type === '#' || type === '^') throw invalid(path, text, token, `{{${type}${mark}}}: a secret is no section`);
  if (secrets !== 'any' && !secrets.includes(name)) {
    throw invalid(path, text, token, `the family has no secret ${name}${nearestText(name, secrets)}`, `give it one: wo family env FAMILY --secret ${name}=file:PATH`);
  }
}

function secretNames(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => {
    const inner = Array.isArray(token[4]) ? secretNames(token[4] as Token[]) : [];
    return token[0] !== 'text' && isSecret(token[1]) ? [token[1], ...inner] : inner;
  });
}

function invalid(path: string, text: string, token: Token, reason: string, hint?: string): WombatError {
  const line = text.slice(0, token[2]).split('\n').length;
  return new WombatError('WO_TEMPLATE_INVALID', `${path}, line ${line}: ${reason}`, { details: { path, line: String(line), name: token[1] }, ...(hint && { hint }) });
}
