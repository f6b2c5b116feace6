import { defineCommand, many, required } from '../command.js';
import { secretHelp } from '../parse/secret.js';
import { actionOf, actionOptions } from './exec-action.js';
import { onOption, targetKindOf } from './common.js';
import { newJob, newJobOptions, newJobTimeoutHelp } from './job/new-job.js';

export const exec = defineCommand({
  usage: 'EXPRESSION [options] -- COMMAND [ARGUMENT...]',
  description: [
    'Runs the command on every node of a family, on one node, on a host, or on all for which an expression holds, all at once unless it is told otherwise, and gathers one outcome for each: what went wrong first. Whom an expression means: wo match EXPRESSION.',
    'The program is run as it is, in the root of the node and with its environment; no shell is in between. Nodes that do not run are skipped.',
    secretHelp,
    'Exit code: 0 all ok, 3 some failed, 1 all failed or skipped, 6 it pauses. Skipped nodes are not failures.',
  ].join('\n'),
  timeoutHelp: newJobTimeoutHelp,
  examples: [
    { command: 'wo exec "Riak node family" -- uptime', explanation: 'on every node of a family' },
    { command: "wo exec 'family = riak and zone = eu-1' -- uptime", explanation: 'on some of them; see docs/reference/expressions.md' },
    { command: 'wo exec web -b --timeout 10s --shell -- \'df -h . | tail -1\'', explanation: 'equal outputs shown once; a shell, because it was asked for' },
    { command: 'wo exec web --window 10% --max-failures 3 -- bin/migrate', explanation: 'a tenth of them at a time; after three failures no more' },
    { command: 'wo exec web --first 1 --pause --per zone=1 -- bin/restart', explanation: 'on one, then, with wo job resume, one at a time of each zone' },
    { command: 'wo exec rack-7 --user www-data --nice 10 --io idle -- du -sh /srv', explanation: 'on a host, as another user, giving way to all else' },
    { command: 'wo exec shop --secret DB_PASSWORD=file:password.txt --stdin schema.sql -- bin/migrate', explanation: 'with a secret and an input' },
    { command: 'wo exec riak-1 --erlang \'nodes().\'', explanation: 'Erlang, on the virtual machine of the node' },
  ],
  arguments: { expression: required('id or name of a family, a node or a host, or an expression', { completes: ['family', 'node', 'host'] }), command: many('the program and its arguments') },
  options: { ...newJobOptions, ...actionOptions, ...onOption },
  async run(runtime, { expression, command }, { erlang, shell, cwd, user, env, secret, stdin, nice, io, killAfter, on, ...options }) {
    const action = await actionOf(runtime, command, { erlang, shell, cwd, user, env, secret, stdin, nice, io, killAfter });
    return newJob(runtime, { expression, action, on: targetKindOf(on) }, options);
  },
});
