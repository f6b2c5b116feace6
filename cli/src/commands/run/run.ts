import { defineCommand, many, required } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { newJob, newJobOptions, newJobTimeoutHelp } from '../job/new-job.js';
import { tellCommand, tellCommands } from './offered.js';

export const run = defineCommand({
  usage: 'EXPRESSION COMMAND [ARGUMENT...] [options]',
  passesOptions: true,
  description: [
    'Runs a command that the release of the nodes offers: its manifest says which there are, and Erlang nodes have ping, eval and rpc by themselves. What there is: wo run FAMILY --help. What a command takes: wo run FAMILY COMMAND --help.',
    'Each node runs what its own release means by the command, in its root and with its environment; no shell is in between. A node whose release does not offer it is skipped.',
    'Arguments that are wrong are refused before anything is sent. An option that wo knows, too, is for wo: what stands behind -- is for the command alone.',
    'Exit code: as of wo exec.',
  ].join('\n'),
  timeoutHelp: newJobTimeoutHelp,
  examples: [
    { command: 'wo run shop --help', explanation: 'the commands that the release of the family offers' },
    { command: 'wo run shop backup /srv/backup --level=3', explanation: 'on every node that runs' },
    { command: "wo run 'family = shop and zone = eu-1' status -b", explanation: 'on some of them, equal outputs shown once' },
    { command: "wo run shop eval 'length(nodes())'", explanation: 'Erlang; Elixir where the release was made by mix' },
    { command: 'wo run shop tag --window 10% -- --window', explanation: 'the second --window is for the command' },
  ],
  arguments: { expression: required('id or name of a family or a node, or an expression', { completes: ['family', 'node'] }), words: many('what the release calls it, and its arguments', { label: 'COMMAND', completes: 'release command' }) },
  options: newJobOptions,
  async run(runtime, { expression, words: [name, ...given] }, options) {
    if (name === undefined) throw new UsageError('no command is given', `see what there is: wo run ${expression} --help`);
    if (isHelp(name)) return tellCommands(runtime, expression);
    if (given.some((word, index) => isHelp(word) && !given.slice(0, index).includes('--'))) return tellCommand(runtime, expression, name);
    return newJob(runtime, { expression, releaseCommand: { name, arguments: given } }, options);
  },
});

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h';
}
