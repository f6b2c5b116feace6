import type { Action } from '@wombat/proto/types';
import type { ManifestArgument, ManifestCommand } from '../../model/release.js';
import { isErlangRelease } from '../fill-manifest.js';
import { fillArgv } from './argv-template.js';
import { elixirExpressions } from './elixir-expressions.js';
import type { ArgumentTexts } from './read-arguments.js';

/** Something that nodes of a release can be asked to run by name. */
export interface OfferedCommand {
  /** One that is not declared has no argv. */
  readonly command: ManifestCommand;
  readonly actionOf: (texts: ArgumentTexts) => Action;
}

type OfferingRelease = Parameters<typeof isErlangRelease>[0];

/** Those of the manifest, and behind them those that Erlang nodes have by themselves: a declared one hides its namesake. */
export function offeredCommands(release: OfferingRelease): readonly OfferedCommand[] {
  const declared = release.manifest.commands.map((command): OfferedCommand => ({ command, actionOf: (texts) => argvAction(fillArgv(command, texts)) }));
  const names = new Set(declared.map(({ command }) => command.name));
  return [...declared, ...ownCommands(release).filter(({ command }) => !names.has(command.name))];
}

function ownCommands(release: OfferingRelease): readonly OfferedCommand[] {
  if (!isErlangRelease(release)) return [];
  const always = [ping, ...(release.layout === 'mix' ? elixirCommands : erlangCommands)];
  return release.layout === 'plain' ? always : [...always, version];
}

const ping = own('ping', 'whether the Erlang node answers', [], () => evaluation('pong.'));
const version = own('version', 'the version of the release that the node has booted', [], () => evaluation('element(2, init:script_id()).', true));

const erlangCommands = [
  own('eval', 'evaluate Erlang on the node', [positional('expressions', 'as in the Erlang shell; the last period may be left out')], (texts) => evaluation(ended(texts.get('expressions')!))),
  own('rpc', 'call a function on the node', [
    positional('module', 'an atom'), positional('function', 'an atom'), positional('arguments', 'an Erlang list, such as \'[1, "two"]\'; left out: []', false),
  ], (texts) => ({ kind: { $case: 'erlangApply', value: { module: texts.get('module')!, function: texts.get('function')!, arguments: texts.get('arguments') ?? '' } } })),
];

const elixirCommands = [
  elixir('eval', 'evaluate Elixir on the node that runs, where mix would start another one'),
  elixir('rpc', 'evaluate Elixir on the node'),
];

function elixir(name: string, help: string): OfferedCommand {
  return own(name, help, [positional('expression', 'Elixir; what it writes is shown, and its value')], (texts) => evaluation(elixirExpressions(texts.get('expression')!), true));
}

function own(name: string, help: string, given: readonly ManifestArgument[], actionOf: OfferedCommand['actionOf']): OfferedCommand {
  return { command: { name, help, argv: [], arguments: given }, actionOf };
}

function positional(name: string, help: string, required = true): ManifestArgument {
  return { name, type: 'string', help, required, positional: true };
}

function evaluation(expressions: string, text = false): Action {
  return { kind: { $case: 'erlangEval', value: { expressions, text } } };
}

function argvAction(argv: string[]): Action {
  const settings = { workingDirectory: '', user: '', nice: 0, ioPriority: 0, stdin: Buffer.alloc(0), secrets: {}, killAfter: undefined, literalArgv: true };
  return { kind: { $case: 'command', value: { argv, environment: {}, settings } } };
}

function ended(expressions: string): string {
  const text = expressions.trim();
  return text.endsWith('.') ? text : `${text}.`;
}
