import fc from 'fast-check';
import t from 'tap';
import type { ManifestArgument, ManifestCommand, Release } from '../../model/release.js';
import { fillManifest } from '../fill-manifest.js';
import { plainInspection, relxInspection } from '../testing/inspections.js';
import { commandAction } from './command-action.js';
import { offeredCommands } from './offered-commands.js';

type Offering = Parameters<typeof commandAction>[0];
const argument = (name: string, fields: Partial<ManifestArgument> = {}): ManifestArgument => ({ name, type: 'string', help: '', required: false, ...fields });
const command = (argv: readonly string[], ...given: readonly ManifestArgument[]): ManifestCommand => ({ name: 'do', help: '', argv, arguments: given });

function release(commands: readonly ManifestCommand[], layout: Release['layout'] = 'plain'): Offering {
  const nodeName = layout === 'plain' ? '' : 'riak';
  return { name: 'riak', version: '3.0', layout, manifest: { ...fillManifest({ start: 'bin/run' }, plainInspection()).manifest, nodeName, commands }, templateTexts: {} };
}

/** What the process is started with. */
function argvOf(declared: ManifestCommand, words: readonly string[]): readonly string[] {
  const { kind } = commandAction(release([declared]), { name: 'do', arguments: words });
  if (kind?.$case !== 'command') throw new Error(`it is no command: ${kind?.$case}`);
  if (!kind.value.settings?.literalArgv) throw new Error('the host would fill in paths');
  return kind.value.argv;
}

const backup = command(
  ['bin/backup', '--into={{argument.path}}', '{{ argument.quick }}', 'level-{{argument.level}}/{{argument.level}}', '{{argument.mode}}'],
  argument('path', { required: true, positional: true }), argument('level', { type: 'integer', default: '3' }), argument('quick', { type: 'bool' }),
  argument('mode', { type: 'choice', choices: ['full', 'delta'] }), argument('rest', { type: 'duration' }),
);

t.test('arguments stand where argv names them, the others behind', (t) => {
  t.strictSame(argvOf(backup, ['/srv']), ['bin/backup', '--into=/srv', 'level-3/3'], 'defaults; what is not given is left out');
  t.strictSame(argvOf(backup, ['--quick', '/srv', '--level', '-7', '--mode=full', '--rest', '2m']), ['bin/backup', '--into=/srv', '--quick', 'level--7/-7', 'full', '2m']);
  t.strictSame(argvOf(backup, ['--path=/srv', '--quick=false']), ['bin/backup', '--into=/srv', 'level-3/3'], 'any of them by its name');
  t.strictSame(argvOf(command(['x', 'on={{argument.b}}'], argument('b', { type: 'bool' })), []), ['x', 'on=false'], 'a flag in a word is true or false');
  t.strictSame(argvOf(command(['x'], argument('b', { type: 'bool' }), argument('a', { positional: true })), ['--b', '-1']), ['x', '--b', '-1'], 'behind argv in their order');
  t.end();
});

const wrong: [string, readonly string[], RegExp, object?][] = [
  ['a missing one', [], /PATH is missing/, { argument: 'path' }],
  ['a wrong number', ['/srv', '--level', '1.5'], /--level is to be a whole number: "1\.5"/, { argument: 'level', expected: 'a whole number' }],
  ['another word', ['/srv', '--mode', 'none'], /--mode is to be one of full, delta/],
  ['no duration', ['/srv', '--rest=5'], /a duration such as/],
  ['no truth', ['/srv', '--quick=yes'], /true or false/],
  ['an unknown one', ['/srv', '--levl=1'], /there is no argument "--levl"; the nearest is --level/],
  ['one twice', ['/srv', '--path=/'], /PATH is given twice/],
  ['one too many', ['/srv', '/tmp'], /no place for "\/tmp"/],
  ['no value', ['/srv', '--level', '--quick'], /--level is given without a value/],
  ['a zero byte', ['/s\0rv'], /zero byte/],
];
for (const [what, words, message, details = {}] of wrong) {
  t.test(`${what} is refused`, (t) => {
    t.throws(() => argvOf(backup, words), { code: 'WO_COMMAND_ARGUMENTS', message, hint: /wo run FAMILY do --help/, details });
    t.end();
  });
}

t.test('whatever an argument holds arrives as it is, in its one word', (t) => {
  const any = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('{', '}', '$', '&', '`', '\'', '"', ' ', '\n', '-', '=', '{{argument.a}}', '{{path:root}}', '$(id)') })).filter((text) => !text.includes('\0'));
  const declared = command(['bin/x', '{{argument.a}}', 'b={{argument.b}}!', '{{argument.a}}:{{argument.b}}'], argument('a'), argument('b', { positional: true }), argument('c', { positional: true }));
  fc.assert(fc.property(any, any, any, (a, b, c) => {
    t.strictSame(argvOf(declared, [`--a=${a}`, '--', b, c]), ['bin/x', a, `b=${b}!`, `${a}:${b}`, c]);
  }), { numRuns: 200 });
  t.end();
});

t.test('Erlang nodes have commands by themselves, which a declared one hides', (t) => {
  const names = (...asked: Parameters<typeof release>): string[] => offeredCommands(release(...asked)).map(({ command: { name } }) => name);
  t.strictSame(names([]), [], 'a plain release has what it declares');
  t.strictSame(names([command(['x'])], 'relx'), ['do', 'ping', 'eval', 'rpc', 'version']);
  t.strictSame(names([{ ...command(['bin/run']), name: 'rpc' }], 'mix'), ['rpc', 'ping', 'eval', 'version']);
  const action = (layout: Release['layout'], name: string, ...words: readonly string[]): unknown => commandAction(release([], layout), { name, arguments: words }).kind;
  t.match(action('relx', 'eval', 'nodes()'), { $case: 'erlangEval', value: { expressions: 'nodes().', text: false } });
  t.match(action('relx', 'rpc', 'lists', 'seq', '[1, 3]'), { $case: 'erlangApply', value: { module: 'lists', function: 'seq', arguments: '[1, 3]' } });
  t.match(action('relx', 'rpc', 'erlang', 'nodes'), { value: { arguments: '' } });
  const elixir = action('mix', 'rpc', '"); halt()') as { value: { expressions: string } };
  t.match(elixir, { $case: 'erlangEval', value: { text: true } });
  t.notMatch(elixir.value.expressions, /halt/, 'code ends no string of ours');
  t.throws(() => action('relx', 'eval'), { message: /EXPRESSIONS is missing/ });
  t.end();
});

t.test('a command that is not there is told with those that are', (t) => {
  t.throws(() => commandAction(release([backup]), { name: 'dp', arguments: [] }), { code: 'WO_COMMAND_UNKNOWN', message: /riak 3\.0 has no command "dp"/, hint: /it has do|did you mean do/ });
  t.throws(() => commandAction(release([]), { name: 'x', arguments: [] }), { code: 'WO_COMMAND_UNKNOWN', hint: /none: they stand in its manifest/ });
  t.end();
});

const notDeclared: [string, ManifestCommand, RegExp][] = [
  ['a placeholder of nothing', command(['bin/run', '{{argument.lvl}}'], argument('level')), /nearest is argument\.level/],
  ['a placeholder of a node', command(['bin/run', '{{node.name}}']), /none of its arguments/],
  ['a program that is given', command(['{{argument.a}}'], argument('a')), /what is run is not up to who runs it/],
  ['a choice of nothing', command(['bin/run'], argument('a', { type: 'choice' })), /without choices/],
  ['choices of no choice', command(['bin/run'], argument('a', { choices: ['x'] })), /is no choice/],
  ['a flag with a place', command(['bin/run'], argument('a', { type: 'bool', positional: true })), /no place/],
  ['a default of another type', command(['bin/run'], argument('a', { type: 'number', default: 'x' })), /not a number/],
  ['a default that is never used', command(['bin/run'], argument('a', { required: true, default: 'x' })), /never used/],
  ['a needed one behind others', command(['bin/run'], argument('a', { positional: true }), argument('b', { positional: true, required: true })), /b must be given/],
  ['an argument help', command(['bin/run'], argument('help')), /every command has already/],
];
for (const [what, declared, message] of notDeclared) {
  t.test(`${what} is no command`, (t) => {
    t.throws(() => fillManifest({ start: 'bin/run', commands: [declared] }, plainInspection()), { code: 'WO_MANIFEST_INVALID', message });
    t.end();
  });
}

t.test('what a manifest declares is checked against the tarball', (t) => {
  t.match(fillManifest({ commands: [command(['bin/riak', 'admin', '{{argument.a}}'], argument('a'))] }, relxInspection()).manifest.commands, [{ name: 'do' }]);
  t.throws(() => fillManifest({ commands: [command(['bin/none'])] }, relxInspection()), { message: /bin\/none, which is not in the tarball/ });
  t.end();
});
