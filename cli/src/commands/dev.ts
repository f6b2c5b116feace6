import { join, resolve } from 'node:path';
import { WombatError, withDeadline, quoted } from '@wombat/proto';
import { ProcessLock } from '@wombat/proto/processes';
import { defineCommand } from '../command.js';
import { readConfigFile, writeConfigFile } from '../context/config-file.js';
import { configDirectory, devDirectory } from '../context/paths.js';
import { resolveContext } from '../context/resolve.js';
import { Control } from '../control/control.js';
import { loadCredentials } from '../control/credentials.js';
import { CoordinatorProcess } from '../dev/coordinator-process.js';
import { DevDirectory, type Addresses } from '../dev/dev-directory.js';
import { ensureLocalProvider } from '../dev/local-provider.js';
import { tearDown } from '../dev/tear-down.js';
import { launcherOf } from '../launchers.js';
import { flag, text } from '../options.js';
import type { Runtime } from '../runtime.js';

const tearDownMs = 60_000;

export const dev = defineCommand({
  description: [
    'Starts a coordinator of your own, with everything it needs in one directory, and keeps it running until Ctrl-C. Hosts are agents on this machine.',
    'Ctrl-C removes nodes and hosts, then stops the coordinator; families, releases and providers stay for the next time. A second Ctrl-C leaves at once.',
  ].join('\n'),
  timeoutHelp: 'how long the clean-up at the end may take; 60s when left out',
  examples: [
    { command: 'wo dev', explanation: 'in ~/.local/share/wombat/dev; other terminals find it by themselves' },
    { command: 'wo dev --dir /tmp/try & export WO_CONFIG_DIR=/tmp/try', explanation: 'in a directory of its own; your configuration is left alone' },
  ],
  arguments: {},
  options: {
    dir: text('--dir <directory>', 'where everything is kept', 'directory'),
    leaveRunning: flag('--leave-running', 'at the end, leave nodes and agents running; the next wo dev finds them again'),
  },
  async run(runtime, _, { dir, leaveRunning }) {
    const { io, print } = runtime;
    const directory = new DevDirectory(dir ? resolve(io.cwd, dir) : devDirectory(io.env));
    const launcher = launcherOf('coordinator', io.env);
    await directory.create();
    const lock = ProcessLock.acquire(directory.lock, { refuse: (pid) => runsAlready(directory, pid) });
    const end = endSignals(runtime);
    const coordinator = new CoordinatorProcess({
      launcher, directory, env: io.env, clock: runtime.clock, tell: (said) => print.tell(said),
      onServing: (addresses) => writeContexts(runtime, directory, addresses, dir === undefined),
    });
    try {
      const started = coordinator.start();
      await Promise.race([started, end.first]);
      if (!end.isAsked()) await welcome(runtime, directory);
      await Promise.race([end.first, coordinator.gaveUp]);
      print.tell('');
      return leaveRunning ? 0 : await cleanUp(runtime, directory, end.second);
    } finally {
      if (end.isUrgent()) coordinator.kill();
      await coordinator.stop();
      lock.release();
      end.close();
      if (end.isAsked()) print.tell(leaveRunning ? 'the coordinator is stopped; nodes and agents run on' : 'stopped');
    }
  },
});

function runsAlready(directory: DevDirectory, pid: number): WombatError {
  return new WombatError('WO_CONFLICT', `wo dev in ${directory.path} runs already, as process ${pid}`, { hint: `use it, stop it with \`kill ${pid}\`, or give another --dir` });
}

async function writeContexts(runtime: Runtime, directory: DevDirectory, addresses: Addresses, alsoForUser: boolean): Promise<void> {
  await directory.writeContext(addresses.control);
  if (!alsoForUser) return;
  const { env } = runtime.io;
  const config = await readConfigFile(configDirectory(env), env);
  const entry = { address: addresses.control, tokenFile: directory.tokenFile, caFile: directory.caFile };
  await writeConfigFile({ ...config, current: config.current ?? 'dev', contexts: { ...config.contexts, dev: entry } });
}

/** Connects as an operator would, with the context of the directory. */
async function connect(runtime: Runtime, directory: DevDirectory, signal: AbortSignal): Promise<Control> {
  const context = await resolveContext({ context: undefined, address: undefined }, { cwd: directory.path, env: { WO_CONFIG_DIR: directory.path } });
  runtime.debug(`control at ${context.address?.value ?? 'nowhere'}`);
  return new Control(await loadCredentials(context), signal);
}

async function welcome(runtime: Runtime, directory: DevDirectory): Promise<void> {
  const { print, io } = runtime;
  const control = await connect(runtime, directory, runtime.signal);
  try {
    await ensureLocalProvider(control);
  } finally {
    control.close();
  }
  const addresses = await directory.addresses();
  const own = join(directory.path) === devDirectory(io.env) ? '' : `export WO_CONFIG_DIR=${quoted(directory.path)}`;
  // A script waits for this line.
  if (io.stdout.isTTY !== true) print.data(`export WO_CONFIG_DIR=${quoted(directory.path)}`);
  print.tell([
    `${print.err.green('✓')} ${print.err.bold('the coordinator is ready')}  control ${addresses?.control ?? ''}${addresses?.http ? `, http://${addresses.http}` : ''}`,
    `  everything is in ${directory.path}; the provider ${print.err.bold('local')} is registered: hosts on this machine`,
    '  go on in another terminal:',
    ...(own ? [`    ${own}`] : []),
    '    wo upload-release NAME TARBALL',
    '    wo create-family demo --clust erlang-mesh',
    '    wo attach-release demo NAME',
    '    wo add-domain demo local local host --nodes-per-host 2',
    '    wo deploy-nodes demo --amount 3',
    '  Ctrl-C ends it',
  ].join('\n'));
}

async function cleanUp(runtime: Runtime, directory: DevDirectory, urgent: AbortSignal): Promise<number> {
  const { print, flags } = runtime;
  const signal = AbortSignal.any([urgent, withDeadline(flags.timeout ?? tearDownMs, 'removing nodes and hosts')]);
  try {
    const control = await connect(runtime, directory, signal);
    try {
      await tearDown(control, runtime.clock, (said) => print.tell(said), signal);
    } finally {
      control.close();
    }
    return 0;
  } catch (error) {
    const why = urgent.aborted ? 'asked to hurry' : WombatError.from(error).message;
    print.warn(`${print.err.yellow('warning:')} nodes or hosts may be left (${why}); start wo dev in ${directory.path} again and end it with Ctrl-C to remove them`);
    return urgent.aborted ? 130 : 1;
  }
}

interface EndSignals {
  /** Resolves at the first Ctrl-C, TERM or hang-up. */
  readonly first: Promise<void>;
  /** Fires at the second. */
  readonly second: AbortSignal;
  isAsked(): boolean;
  isUrgent(): boolean;
  close(): void;
}

function endSignals(runtime: Runtime): EndSignals {
  const giveBack = runtime.takeSignals();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const second = new AbortController();
  let asked = 0;
  let resolveFirst: () => void = () => {};
  const first = new Promise<void>((done) => (resolveFirst = done));
  const onSignal = (): void => {
    asked += 1;
    if (asked === 1) resolveFirst();
    else second.abort(new WombatError('WO_CANCELLED', 'asked to hurry'));
  };
  names.forEach((name) => runtime.io.signals.on(name, onSignal));
  return {
    first,
    second: second.signal,
    isAsked: () => asked > 0,
    isUrgent: () => asked > 1,
    close: () => {
      names.forEach((name) => runtime.io.signals.off(name, onSignal));
      giveBack();
    },
  };
}
