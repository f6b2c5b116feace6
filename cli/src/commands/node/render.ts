import { durationToMs, platformText, quoted } from '@wombat/proto';
import { NodeServiceService, RenderNodeRequest, RenderNodeResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { sanitise, sanitiseLines } from '../../output/sanitise.js';
import { elapsed } from '../../output/time.js';
import type { Runtime } from '../../runtime.js';
import { limitsText, needsText, readyText } from '../release/view.js';

export const nodeRender = defineCommand({
  description: [
    'All that is rendered for the node: the files in its root, its environment, its commands, ports, limits and paths.',
    'Secrets are left out: {{secret:NAME}} and {{path:...}} are marks that its host fills.',
  ].join('\n'),
  examples: [
    { command: 'wo node render riak-1', explanation: 'look at what a template became' },
    { command: 'wo node render riak-1 -o json', explanation: 'for a program' },
  ],
  arguments: { node: object('node') },
  options: {},
  async run(runtime, { node }) {
    const { print } = runtime;
    const control = await runtime.control();
    const answer = await control.call(NodeServiceService.renderNode, RenderNodeRequest.fromPartial({ node }));
    if (print.isForPrograms) return print.json(RenderNodeResponse.toJSON(answer));
    if (answer.provisional) print.tell(`not final: ${sanitise(answer.provisional)}`);
    for (const file of answer.files) section(runtime, file.path, file.content.trimEnd());
    for (const [title, text] of sectionsOf(answer)) if (text !== '') section(runtime, title, text);
  },
});

function section({ print }: Runtime, title: string, text: string): void {
  print.data(print.out.bold(`--- ${sanitise(title)}`));
  print.data(sanitiseLines(text));
}

/** What is empty has nothing to show. */
function sectionsOf(answer: RenderNodeResponse): [title: string, text: string][] {
  const { artifact } = answer;
  return [
    ['environment', lines(answer.environment, '=')],
    ['start', command(answer.start)],
    ['stop', `${command(answer.stop) || (answer.distributionPort ? 'init:stop' : 'TERM')}${within(answer.stopTimeout)}`],
    ['ready', `${readyText(answer.ready)}${within(answer.ready?.timeout)}`],
    ['pid', command(answer.pidCommand)],
    ['ports', [...answer.ports.map((port) => `${port.name} ${port.protocol}:${port.number}`), ...(answer.distributionPort ? [`Erlang distribution tcp:${answer.distributionPort}`] : [])].join('\n')],
    ['limits', limitsText(answer.limits)],
    ['run as', answer.runAs],
    ['needs', needsText(answer.needs)],
    ['paths, below the directory of the agent', lines(answer.paths, ' ')],
    ['artifact', artifact ? `sha256:${artifact.sha256}  ${platformText(artifact.platform ?? { os: '', arch: '', libc: '' })}` : ''],
  ];
}

function command(argv: readonly string[]): string {
  return argv.map(word).join(' ');
}

/** A mark alone makes no word that needs quotes. */
function word(text: string): string {
  return /^(?:[\w@%+=:,./-]|\{\{\w+:[\w-]+\}\})+$/.test(text) ? text : quoted(text);
}

function within(duration: Parameters<typeof durationToMs>[0]): string {
  const ms = durationToMs(duration);
  return ms === undefined ? '' : ` (within ${elapsed(ms)})`;
}

function lines(entries: Readonly<Record<string, string>>, between: string): string {
  return Object.entries(entries).sort().map(([key, value]) => `${key}${between}${quoted(value)}`).join('\n');
}
