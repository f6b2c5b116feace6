import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { backoffMs, durationFromMs, WombatError } from '@wombat/proto';
import { FileServiceService, Job, JobTarget, PullFilesRequest } from '@wombat/proto/control';
import { defineCommand, required } from '../command.js';
import type { Control } from '../control/control.js';
import { ReceivedTargets, type ReceivedTarget } from '../files/receive-targets.js';
import { sanitise } from '../output/sanitise.js';
import { bytes, count } from '../output/words.js';
import { parseRemotePath } from '../parse/remote-path.js';
import type { Runtime } from '../runtime.js';
import { UsageError } from '../usage-error.js';
import { onOption, sampleOf, sampleOptions, targetKindOf } from './common.js';
import { jobEndOptions } from './job/end.js';
import { exitOfOutcomes, labelOf, printOutcomes, summaryLine } from './job/outcomes.js';

/** For a coordinator that has gone away. */
const patienceMs = 60_000;
/** For agents to have a session again after that. */
const returnMs = 30_000;

export const pull = defineCommand({
  description: [
    'Fetches a file, or a directory with the files below it, from every target of the expression, into a folder for each that bears its name: below the root of each node, behind data: below its data directory, or from the hosts themselves. Nodes that do not run have files all the same.',
    'Links are not followed; what is neither file nor directory is left out, and told. Each file is compared and replaces what is here whole or not at all.',
    'Exit code: as of wo exec.',
  ].join('\n'),
  timeoutHelp: 'each target may take so long; 10m when left out',
  examples: [
    { command: 'wo pull web:log/crash.log crashes', explanation: 'crashes/web-1/crash.log, crashes/web-2/crash.log, ...' },
    { command: "wo pull 'family = shop and zone = eu-1:data:' backup", explanation: 'all that is in the data directories of some nodes' },
    { command: 'wo pull rack-7:/etc/hosts .', explanation: 'from a host' },
  ],
  arguments: {
    target: required('id or name of a family, a node or a host, or an expression; then : and the path there', { label: 'EXPRESSION:PATH' }),
    directory: required('where the folders of the targets go; it is made when it is not there', { completes: 'file' }),
  },
  options: { fold: jobEndOptions.fold, ...onOption, ...sampleOptions },
  async run(runtime, { target, directory }, { fold, on, sample, seed }) {
    const { expression, path } = parseRemotePath(target);
    const request = PullFilesRequest.fromPartial({
      expression, path: path === '' ? '.' : path, on: targetKindOf(on), ...sampleOf({ sample, seed }), ...(runtime.flags.timeout && { timeout: durationFromMs(runtime.flags.timeout) }),
    });
    const control = await runtime.control();
    const into = resolve(runtime.io.cwd, directory);
    await mkdir(into, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${directory} cannot be made (${error.code})`);
    });
    const startedAt = new Date(runtime.clock.now());
    const received = new ReceivedTargets(into);
    try {
      await receive(runtime, control, request, received);
    } finally {
      await received.discard();
    }
    return tell(runtime, [...received.ended.values()], { fold, directory, startedAt });
  },
});

/** A coordinator that goes away in between is asked again, for the targets that have not ended; its agents get time to come back to it. */
async function receive(runtime: Runtime, control: Control, request: PullFilesRequest, received: ReceivedTargets): Promise<void> {
  let heardAt: number | undefined;
  for (let attempt = 0, breaks = 0; ; attempt++) {
    try {
      for await (const message of control.stream(FileServiceService.pullFiles, { ...request, exceptTargetIds: [...received.ended.keys()] })) {
        if (breaks === 0) heardAt = runtime.clock.monotonic();
        if (message.kind?.$case === 'part') [attempt, heardAt] = [0, runtime.clock.monotonic()];
        await received.take(message);
      }
      const isLate = heardAt === undefined || runtime.clock.monotonic() - heardAt > returnMs;
      if (breaks === 0 || isLate || !received.forgetUnreached()) return;
    } catch (error) {
      const mayPass = WombatError.is(error) && (error.code === 'WO_COORDINATOR_UNREACHABLE' || error.code === 'WO_UNAVAILABLE');
      if (!mayPass || heardAt === undefined || runtime.clock.monotonic() - heardAt > patienceMs) throw error;
      breaks += 1;
      await received.discard();
    }
    await runtime.clock.sleep(backoffMs(attempt, { initialMs: 200, maximumMs: 2_000 }), runtime.signal);
  }
}

interface Telling {
  readonly fold: boolean;
  /** As it was given. */
  readonly directory: string;
  readonly startedAt: Date;
}

async function tell(runtime: Runtime, received: readonly ReceivedTarget[], { fold, directory, startedAt }: Telling): Promise<number> {
  const { print } = runtime;
  const targets = received.map(({ target }) => target);
  if (print.format === 'json' || print.format === 'yaml') await print.json({ targets: received.map(jsonOf) });
  else if (print.format === 'jsonl') for (const each of received) print.data(JSON.stringify(jsonOf(each)));
  else printOutcomes(runtime, targets, { fold });
  for (const { target, tree } of received) {
    if (tree.leftOut > 0) print.warn(sanitise(`${labelOf(target)}: ${count(tree.leftOut, 'entry', 'entries')} left out: links, devices, or files that cannot be read`));
  }
  const sum = (of: (each: ReceivedTarget) => number): number => received.reduce((total, each) => total + of(each), 0);
  const job = Job.fromPartial({ metadata: { createdAt: startedAt }, finishedAt: new Date(runtime.clock.now()) });
  print.tell(print.err.dim(`${summaryLine(job, targets)}; ${count(sum(({ tree }) => tree.files), 'file')}, ${bytes(sum(({ tree }) => tree.bytes))} in ${sanitise(directory)}`));
  return exitOfOutcomes(targets);
}

function jsonOf({ target, tree }: ReceivedTarget): object {
  return { ...(JobTarget.toJSON(target) as object), folder: tree.folder, files: tree.files, bytes: tree.bytes, leftOut: tree.leftOut };
}
