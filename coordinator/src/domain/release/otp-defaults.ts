import type { Manifest, ReadyRule, ReleaseLayout } from '../model/release.js';
import type { Inspection } from './inspection.js';
import type { ManifestInput } from './manifest-input.js';
import { isVmArgs } from './vm-args.js';

export interface Defaulted {
  readonly input: ManifestInput;
  /** What was changed or guessed, for the operator. */
  readonly notes: readonly string[];
}

const cookieNote = 'which keeps the cookie out of every command line';

/** Fills what an OTP layout says by itself, and takes what classic scripts are told for what it means. */
export function withOtpDefaults(given: ManifestInput, inspection: Inspection): Defaulted {
  const script = inspection.startScripts[0];
  if (inspection.layout === 'plain' || !script) return { input: given, notes: [] };
  const notes: string[] = [];
  const start = startOf(given, inspection, script.path, notes);
  const stop = stopOf(given, inspection, notes);
  const templates = [...new Set([...otpTemplates(inspection), ...(given.templates ?? [])])];
  const nodeName = given.nodeName ?? nodeNameOf(inspection);
  return { input: { ...given, ...start, stop, templates, nodeName, ready: readyOf(given, inspection, notes), pidCommand: pidOf(given, inspection, notes) }, notes };
}

/**
 * `bin/x start` of relx returns once the node is up, and `daemon` of both leaves it behind a pipe: a node that is
 * watched runs in the foreground, which relx calls `foreground` and mix `start`.
 */
function startOf(given: ManifestInput, inspection: Inspection, script: string, notes: string[]): Pick<Manifest, 'start' | 'mode'> {
  if (given.mode === 'daemon' && inspection.layout === 'relx') notes.push('as a daemon the start script of relx shows the cookie on a command line for a moment, to whoever is on the host; in the foreground it does not');
  const foreground = inspection.layout === 'mix' ? 'start' : 'foreground';
  const start = given.start ?? `${script} ${foreground}`;
  const words = start.trim().split(/\s+/);
  const known = inspection.startScripts.find(({ path }) => path === stripDot(words[0] ?? ''));
  const returns = words.length === 2 && (words[1] === 'daemon' || (words[1] === 'start' && inspection.layout === 'relx'));
  if (!known || !returns || given.mode === 'daemon') return { start, mode: given.mode ?? 'foreground' };
  if (inspection.layout === 'relx' && !known.hasForeground) {
    notes.push(`start "${start}" returns while the node runs on, and ${known.path} knows no foreground: the node is run as a daemon`);
    return { start, mode: 'daemon' };
  }
  notes.push(`start "${start}" became "${known.path} ${foreground}": Wombat watches nodes in the foreground`);
  return { start: `${known.path} ${foreground}`, mode: 'foreground' };
}

function stopOf(given: ManifestInput, inspection: Inspection, notes: string[]): string {
  if (!asksScript(given.stop, 'stop', inspection)) return given.stop ?? '';
  notes.push(`stop "${given.stop}" is done through Erlang itself (init:stop), ${cookieNote}`);
  return '';
}

function readyOf({ ready }: ManifestInput, inspection: Inspection, notes: string[]): ReadyRule {
  if (ready?.kind === 'command' && asksScript(ready.command, 'ping', inspection)) notes.push(`ready "${ready.command}" is asked through Erlang itself, ${cookieNote}`);
  else if (ready) return ready;
  return { kind: 'erlang' };
}

function pidOf({ pidCommand = '' }: ManifestInput, inspection: Inspection, notes: string[]): string {
  if (!asksScript(pidCommand, 'pid', inspection)) return pidCommand;
  notes.push(`pidCommand "${pidCommand}" is not used: the process is found without it, ${cookieNote}`);
  return '';
}

/** Whether a command is the release's own script with this one word: it would put the cookie on a command line. */
function asksScript(command: string | undefined, verb: string, inspection: Inspection): boolean {
  const [script = '', word, ...rest] = (command ?? '').trim().split(/\s+/);
  return word === verb && rest.length === 0 && inspection.startScripts.some(({ path }) => path === stripDot(script));
}

/** vm.args always, for it holds the node's name; mix's scripts, see below; the rest when it has something to fill in. */
function otpTemplates(inspection: Inspection): string[] {
  const folder = `releases/${inspection.releaseVersion}`;
  const source = [`${folder}/vm.args.src`, `${folder}/vm.args`, 'etc/vm.args'].find((path) => inspection.entries.get(path)?.kind === 'file');
  const templates = source === undefined ? [] : [source];
  if (inspection.layout === 'mix') templates.push(`${folder}/env.sh`, inspection.startScripts[0]!.path);
  for (const path of [`${folder}/sys.config.src`, `${folder}/sys.config`]) {
    if (hasPlaceholder(inspection.texts[path] ?? '')) templates.push(path);
  }
  return templates;
}

/** A name that Wombat knows the beginning of: `{{` alone opens many an Erlang term. */
function hasPlaceholder(text: string): boolean {
  return /\{\{[#^&{]?\s*(node|family|host|release|contacts|hasContacts|contact|strategy|environment|secret|erlang|shellWord)/.test(text);
}

/** The name in vm.args when it is plain text, else that of the release. */
function nodeNameOf(inspection: Inspection): string {
  for (const [path, text] of Object.entries(inspection.texts)) {
    const named = isVmArgs(path) ? /^\s*-s?name\s+([A-Za-z][\w-]*)(@|\s|$)/m.exec(text) : null;
    if (named) return named[1]!;
  }
  return inspection.releaseName.replace(/[^\w-]/g, '_');
}

function stripDot(path: string): string {
  return path.startsWith('./') ? path.slice(2) : path;
}

/**
 * The start script of mix passes the cookie in argv, whatever the distribution: it is taken out, and the node finds
 * the one in its HOME. `env.sh` of the release may set the distribution after the environment that it was given.
 */
export function adaptMixScript(path: string, text: string): string {
  if (path.startsWith('bin/')) return text.replace(/--cookie\s+"?\$\{?RELEASE_COOKIE\}?"?[ \t]*/g, '');
  if (path.endsWith('/env.sh')) return `${text.trimEnd()}\n\n# Written by Wombat for this node\nexport RELEASE_DISTRIBUTION=none\n`;
  return text;
}

/** Whether a file is changed for each node without being a template: braces in it mean what its author meant. */
export function isAdaptedOnly(layout: ReleaseLayout, path: string): boolean {
  return layout === 'mix' && path.startsWith('bin/');
}

/** What the layout needs in the environment of its scripts. */
export function layoutEnvironment(layout: ReleaseLayout, mode: Manifest['mode']): Record<string, string> {
  // Name and distribution come from vm.args: mix would choose a short name.
  if (layout === 'mix') return { RELEASE_DISTRIBUTION: 'none' };
  // Two nodes of one name must not meet in relx's fixed folder of pipes.
  if (layout === 'relx' && mode === 'daemon') return { PIPE_DIR: '{{path:root}}/pipes/' };
  return {};
}
