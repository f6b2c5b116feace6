import { durationFromMs } from '@wombat/proto';
import { CreateJobRequest, CreateJobResponse, JobServiceService } from '@wombat/proto/control';
import type { Action } from '@wombat/proto/types';
import { defineCommand, many, required } from '../command.js';
import { newMutation } from '../control/mutation.js';
import { flag, text } from '../options.js';
import { onOption, targetKindOf } from './common.js';
import { UsageError } from '../usage-error.js';
import { detachJobOption, endOf, jobEndOptions } from './job/end.js';

export const exec = defineCommand({
  usage: 'EXPRESSION [options] -- COMMAND [ARGUMENT...]',
  description: [
    'Runs the command on every node of a family, on one node, on a host, or on all for which an expression holds, all at once, and gathers one outcome for each: what went wrong first. Whom an expression means: wo match EXPRESSION.',
    'The program is run as it is, in the root of the node and with its environment; no shell is in between. Nodes that do not run are skipped.',
    'Exit code: 0 all ok, 3 some failed, 1 all failed or skipped. Skipped nodes are not failures.',
  ].join('\n'),
  timeoutHelp: 'the command may run so long on each target, then it is ended; 60s when left out',
  examples: [
    { command: 'wo exec "Riak node family" -- uptime', explanation: 'on every node of a family' },
    { command: "wo exec 'family = riak and zone = eu-1' -- uptime", explanation: 'on some of them; see docs/reference/expressions.md' },
    { command: 'wo exec web -b --timeout 10s -- sh -c \'df -h . | tail -1\'', explanation: 'equal outputs shown once; a shell, because it was asked for' },
    { command: 'wo exec riak-1 --erlang \'nodes().\'', explanation: 'Erlang, on the virtual machine of the node' },
  ],
  arguments: { expression: required('id or name of a family, a node or a host, or an expression', { completes: ['family', 'node', 'host'] }), command: many('the program and its arguments') },
  options: {
    ...jobEndOptions,
    erlang: text('--erlang <expressions>', 'evaluate Erlang on each node instead of running a command'),
    ...onOption,
    all: flag('--all', 'also on nodes that do not run; without it they are skipped'),
    ...detachJobOption,
  },
  async run(runtime, { expression, command }, { fold, passExit, erlang, on, all, detach }) {
    const action = actionOf(command, erlang);
    const { timeout } = runtime.flags;
    const control = await runtime.control();
    const request = CreateJobRequest.fromPartial({ mutation: newMutation(), expression, action, all, on: targetKindOf(on), ...(timeout && { timeout: durationFromMs(timeout) }) });
    const answer = await control.call(JobServiceService.createJob, request);
    return endOf(runtime, answer.job!, { json: CreateJobResponse.toJSON(answer), fold, passExit, detach });
  },
});

function actionOf(command: readonly string[], erlang: string | undefined): Action {
  if (erlang !== undefined) {
    if (command.length > 0) throw new UsageError('--erlang and a command do not go together');
    const expressions = erlang.trim().endsWith('.') ? erlang.trim() : `${erlang.trim()}.`;
    return { kind: { $case: 'erlangEval', value: { expressions } } };
  }
  if (command.length === 0) throw new UsageError('no command is given', 'put it behind --, as in: wo exec web -- uptime');
  return { kind: { $case: 'command', value: { argv: [...command], environment: {} } } };
}
