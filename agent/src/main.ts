import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue, errorBlock, exitCodes, WombatError, wombatVersion } from '@wombat/proto';
import { armFailpoints, failpointsVariable } from '@wombat/proto/failpoints';
import { ProcessLock, readBootId } from '@wombat/proto/processes';
import type { Logger } from 'pino';
import { compose } from './compose.js';
import { readCommandLine, type AgentConfiguration } from './configuration/configuration.js';
import { helpText } from './configuration/help.js';
import { openLog } from './configuration/log.js';
import { helped } from './helper-process.js';

/** Nodes run on, so little is to be done at the end, and it must not take long. */
const stoppingTimeoutMs = 1_900;

/** Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const helperCode = await helped(args);
  if (helperCode !== undefined) return helperCode;
  const commandLine = readCommandLine(args, process.env);
  if (commandLine.kind === 'run') return run(commandLine.configuration);
  process.stdout.write(commandLine.kind === 'help' ? helpText() : `${wombatVersion}\n`);
  return exitCodes.done;
}

async function run(configuration: AgentConfiguration): Promise<number> {
  const { directory, logLevel, logFile } = configuration;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const bootId = readBootId();
  const lock = ProcessLock.acquire(join(directory, 'agent.lock'), { bootId, refuse: inUse });
  const log = openLog(logLevel, logFile);
  const armed = armFailpoints(process.env[failpointsVariable]);
  if (armed !== undefined) log.warn({ armed }, 'failpoints are armed: this agent is made to fail');
  const { signal: stop, end } = stopOnSignals(log);
  const launcher = process.env['WOMBAT_AGENT_PROGRAM'];
  try {
    log.info({ version: wombatVersion, pid: process.pid, directory }, 'agent starts');
    await compose({ configuration, log, bootId, program: [process.execPath, process.argv[1]!], launched: launcher ? { directory: launcher, end } : undefined }).run(stop);
  } catch (error) {
    if (!stop.aborted) throw logged(error, log);
  } finally {
    lock.release();
  }
  log.info('agent stopped; its nodes run on');
  return exitCodes.done;
}

/** The first signal, or `end`, asks for a clean end; a second one, or two seconds, ends at once. */
function stopOnSignals(log: Logger): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const end = (): void => {
    controller.abort(new WombatError('WO_CANCELLED', 'the agent was stopped'));
    setTimeout(() => process.exit(exitCodes.done), stoppingTimeoutMs).unref();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    log.info({ signal }, 'agent stops');
    end();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { signal: controller.signal, end };
}

function logged(value: unknown, log: Logger): WombatError {
  const error = WombatError.from(value);
  log.fatal({ code: error.code, err: error.code === 'WO_INTERNAL' ? value : undefined, hint: error.hint }, error.message);
  return error;
}

function inUse(pid: number): WombatError {
  return new WombatError('WO_IN_USE', `the agent with pid ${pid} runs in this directory already`, { hint: 'give each agent a directory of its own' });
}

function failed(caught: unknown): number {
  const error = WombatError.from(caught);
  const { meaning, exit } = catalogue[error.code];
  process.stderr.write(`${errorBlock(error, meaning)}\n`);
  return exit;
}

// Before the first file is read asynchronously: four threads for an agent that mostly waits are two too many.
process.env.UV_THREADPOOL_SIZE ??= '2';

// Whatever still waits for a timer or a socket at the end is of no use any more.
void main(process.argv.slice(2)).catch(failed).then((code) => process.exit(code));
