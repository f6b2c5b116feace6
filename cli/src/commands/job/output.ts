import { exitCodes } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import { JobTarget } from '@wombat/proto/control';
import { defineCommand, object, optional } from '../../command.js';
import { flag } from '../../options.js';
import { linesOf, prefixedLines } from '../../output/prefixed-lines.js';
import { sanitise } from '../../output/sanitise.js';
import { count } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';
import type { OutputStream } from '../../terminal/io.js';
import { written } from '../../terminal/write.js';
import { labelOf, lossesOf } from './outcomes.js';
import { TargetLines } from './target-lines.js';
import { pagesOf } from './whole-job.js';

export const jobOutput = defineCommand({
  description: [
    'What the command has written, as far as it is kept: of one target its bytes as they are, of several in lines behind their names. Onto a terminal, control characters are shown instead of sent.',
    'Its output goes to stdout and its error output to stderr; with --stdout or --stderr that one alone, to stdout. What was lost is told.',
    'Exit code: 6 when targets have no outcome yet. A command has its output there when it has ended.',
  ].join('\n'),
  examples: [
    { command: 'wo job output job-k3 riak-1 > riak-1.log', explanation: 'of one target, byte for byte' },
    { command: 'wo job output job-k3 --stderr', explanation: 'error output of all' },
  ],
  arguments: { job: object('job'), target: optional('id, name or beginning of the id of one target; all when left out') },
  options: { stdout: flag('--stdout', 'output alone'), stderr: flag('--stderr', 'error output alone, to stdout') },
  async run(runtime, { job, target = '' }, only) {
    const wanted = (found: JobTarget): JobTarget => (only.stdout === only.stderr ? found : { ...found, stdout: only.stdout ? found.stdout : found.stderr, stderr: Buffer.alloc(0) });
    const { print } = runtime;
    const lines = new TargetLines({ runtime, signal: runtime.signal, beforeWriting: () => {} });
    const found: JobTarget[] = [];
    let open = 0;
    for await (const { job: { targetCount }, page } of pagesOf(await runtime.control(), job, target)) {
      const ended = page.filter(({ outcome }) => outcome !== Outcome.UNSPECIFIED).map(wanted);
      open += page.length - ended.length;
      if (print.format === 'jsonl') for (const each of ended) print.data(JSON.stringify(JobTarget.toJSON(each)));
      else if (print.isForPrograms) found.push(...ended);
      else if (target || targetCount === 1) for (const each of ended) await writeRaw(runtime, each);
      else await lines.write(ended);
    }
    if (print.isForPrograms && print.format !== 'jsonl') await print.json({ targets: found.map((each) => JobTarget.toJSON(each)) });
    if (open === 0) return exitCodes.done;
    print.tell(`${count(open, 'target')} without an outcome yet; wait: wo job watch ${job}`);
    return exitCodes.stillRunning;
  },
});

async function writeRaw({ io, print, signal }: Runtime, target: JobTarget): Promise<void> {
  const write = (out: OutputStream, data: Uint8Array): Promise<void> => written(out, out.isTTY === true ? prefixedLines(true, '', linesOf(data)) : data, signal);
  await write(io.stdout, target.stdout);
  await write(io.stderr, target.stderr);
  for (const lost of lossesOf(target)) print.warn(`${sanitise(labelOf(target))}: ${lost}`);
}
