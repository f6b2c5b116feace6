import type { LogSelection, LogStart } from '@wombat/proto/types';
import { defineCommand, some } from '../../command.js';
import { flag, oneOf, text, texts, wholeNumber } from '../../options.js';
import { LogPrinter } from '../../output/log-printer.js';
import { parseGrep, type Grep } from '../../parse/grep.js';
import { parseSince } from '../../parse/since.js';
import { UsageError } from '../../usage-error.js';
import { listLogs } from './log-list.js';
import { readLogs } from './log-reader.js';

const usualTail = 100;

export const nodeLogs = defineCommand({
  description:
    'What nodes write to their standard output and error, and to log files of their own, live from their hosts. Nodes are shown one after another, with -f as it comes. ' +
    'Output that was lost is said to be. Logs of a removed node are kept for 24 hours, as long as its host is there.',
  timeoutHelp: 'stop after so long',
  examples: [
    { command: 'wo node logs riak-1 --tail 50', explanation: 'the last 50 lines' },
    { command: 'wo logs "Riak node family" -f --since 10m --grep error -i', explanation: 'errors of all its nodes since ten minutes ago, and those to come' },
    { command: 'wo node logs riak-1 riak-2 --file "*.log"', explanation: 'the log files that the release writes by itself' },
    { command: 'wo node logs riak-1 --list', explanation: 'which logs there are' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: {
    follow: flag('-f, --follow', 'go on until Ctrl-C, also with nodes that join'),
    tail: wholeNumber('--tail <lines>', `at most so many of the last lines of each log; ${usualTail} without --since and --grep`, { maximum: 100_000 }),
    since: text('--since <time>', 'only what was written since: so long ago, "10m", or a time, "2026-01-31T12:00:00Z"'),
    grep: text('--grep <text>', 'only lines with this text; "/pattern/" is a regular expression'),
    ignoreCase: flag('-i, --ignore-case', 'for --grep'),
    stream: oneOf('--stream <stream>', 'stdout, stderr, or all of both; all when left out, unless --file is given', ['stdout', 'stderr', 'all']),
    stderr: flag('--stderr', 'the same as --stream stderr'),
    file: texts('--file <glob>', 'log files of the release by name, see --list; may be given several times'),
    list: flag('--list', 'tell which logs there are, and how much of each is kept'),
  },
  async run(runtime, { nodes }, { follow, tail, since, grep, ignoreCase, stream, stderr, file, list }) {
    if (list) return listLogs(runtime, nodes);
    if (stderr && stream !== undefined && stream !== 'stderr') throw new UsageError('--stderr and --stream say different things');
    if (ignoreCase && grep === undefined) throw new UsageError('-i is for --grep');
    const wanted = grep === undefined ? undefined : parseGrep(grep, '--grep', ignoreCase);
    const selection = selected(stderr ? 'stderr' : stream, file);
    const isOneLog = nodes.length === 1 && selection.files.length === 0 && selection.stdout !== selection.stderr;
    const printer = new LogPrinter({
      out: runtime.io.stdout, print: runtime.print, signal: runtime.signal,
      pattern: wanted?.kind === 'pattern' ? wanted.pattern : undefined,
      isPrefixed: nodes.length > 1 || selection.files.length > 0,
      mayBeRaw: isOneLog && runtime.io.stdout.isTTY !== true && wanted?.kind !== 'pattern' && !runtime.print.isForPrograms,
    });
    return readLogs(runtime, { nodes, selection, start: started(since, tail, wanted), filter: wanted?.kind === 'text' ? { text: wanted.text, ignoreCase } : undefined, follow }, printer);
  },
});

function selected(stream: 'stdout' | 'stderr' | 'all' | undefined, files: readonly string[]): LogSelection {
  const streams = stream ?? (files.length > 0 ? undefined : 'all');
  return { stdout: streams === 'stdout' || streams === 'all', stderr: streams === 'stderr' || streams === 'all', files: [...files] };
}

function started(since: string | undefined, tail: number | undefined, grep: Grep | undefined): LogStart {
  const lines = tail ?? (since === undefined && grep === undefined ? usualTail : undefined);
  return { since: since === undefined ? undefined : parseSince(since, '--since'), ...(lines !== undefined && { tailLines: lines }) };
}
