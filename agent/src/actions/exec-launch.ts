import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WombatError } from '@wombat/proto';
import { CommandSettings, IoPriority, type Command } from '@wombat/proto/types';
import { findAccount } from '../accounts/account.js';
import { runAs } from '../accounts/run-as.js';
import { findArgv, resolveArgv } from '../nodes/node-action.js';
import { execIdVariable, fillPaths, nodeEnvironment, ownerOf, type NodeContext } from '../nodes/node-context.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import { findProgram } from '../processes/find-program.js';
import type { SpawnRequest } from '../processes/runner.js';
import type { ChildLimits } from '../processes/shim.js';
import type { ExecServices } from './exec-services.js';

/** What a command is started with: all but its record, its input and its output. */
export type ExecLaunch = Pick<SpawnRequest, 'argv' | 'workingDirectory' | 'environment' | 'limits' | 'runAs'>;

/** How things are on a target, before the command says otherwise. */
interface Place {
  /** Paths are seen from here. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly runAs: SpawnRequest['runAs'];
  argv(directory: string): string[];
  fill(text: string): string;
}

/**
 * Without a context the target is the host itself.
 * @throws WombatError when there is no such program, directory or user, or the host does not allow it
 */
export function launchOf(command: Command, jobId: string, context: NodeContext | undefined, services: ExecServices): ExecLaunch {
  const settings = command.settings ?? CommandSettings.decode(Buffer.alloc(0));
  const added = { ...command.environment, ...settings.secrets };
  const place = context ? nodePlace(command, settings, added, context) : hostPlace(command, settings, added, services);
  const workingDirectory = resolve(place.root, place.fill(settings.workingDirectory));
  if (settings.workingDirectory !== '') checkDirectory(workingDirectory);
  const argv = place.argv(workingDirectory);
  const { hostId, path, policy } = services;
  policy.checkCommand({ name: command.argv[0] ?? '', program: argv[0] ?? '', root: place.root, environmentNames: Object.keys(added), user: settings.user }, path);
  return {
    argv, workingDirectory,
    environment: { ...place.environment, ...userEnvironment(settings.user), WOMBAT_HOST_ID: hostId, [execIdVariable]: jobId },
    limits: limitsOf(settings, path),
    runAs: place.runAs,
  };
}

function nodePlace({ argv }: Command, { user, literalArgv }: CommandSettings, added: Readonly<Record<string, string>>, context: NodeContext): Place {
  const environment = nodeEnvironment(context, added);
  return {
    root: context.paths.root,
    environment,
    runAs: user === '' ? ownerOf(context) : runAs(user, context.path),
    argv: (directory) => literalArgv ? findArgv(argv, context, environment, directory) : resolveArgv(argv, context, environment, directory),
    fill: (text) => fillPaths(text, context),
  };
}

function hostPlace({ argv }: Command, { user }: CommandSettings, added: Readonly<Record<string, string>>, { directory, path }: ExecServices): Place {
  const owner = runAs(user, path);
  const home = user === '' ? join(directory, 'exec') : findAccount(user)?.home || '/';
  return {
    // Users of services often have a home that was never made.
    root: user === '' || isDirectory(home) ? home : '/',
    environment: cleanEnvironment({ path, home }, added),
    runAs: owner,
    argv: (workingDirectory) => hostArgv(argv, workingDirectory, path),
    fill: (text) => text,
  };
}

function hostArgv([name = '', ...args]: readonly string[], directory: string, path: string): string[] {
  const program = findProgram(name, directory, path);
  if (!program) throw new WombatError('WO_EXEC_REJECTED', `there is no program ${JSON.stringify(name)} on the host`);
  return [program, ...args];
}

function userEnvironment(user: string): Record<string, string> {
  return user === '' ? {} : { USER: user, LOGNAME: user };
}

function checkDirectory(directory: string): void {
  if (isDirectory(directory)) return;
  throw new WombatError('WO_EXEC_REJECTED', `there is no directory ${JSON.stringify(directory)} on the host`);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function limitsOf({ nice, ioPriority }: CommandSettings, path: string): ChildLimits {
  if (ioPriority === IoPriority.UNSPECIFIED) return { nice };
  if (!findProgram('ionice', '/', path)) {
    throw new WombatError('WO_EXEC_REJECTED', 'this host has no ionice, which says how programs share the disk', { hint: 'on Debian and Ubuntu: apt-get install util-linux; or leave --io away' });
  }
  return { nice, io: ioPriority === IoPriority.IDLE ? 'idle' : 'low' };
}
