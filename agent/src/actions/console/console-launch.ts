import { userInfo } from 'node:os';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from '@wombat/proto';
import type { OpenConsole } from '@wombat/proto/agent';
import { findAccount, shellOf } from '../../accounts/account.js';
import { runAs } from '../../accounts/run-as.js';
import { resolveArgv } from '../../nodes/node-action.js';
import { execIdVariable, nodeEnvironment, ownerOf, type NodeContext } from '../../nodes/node-context.js';
import { cleanEnvironment } from '../../processes/clean-environment.js';
import { findProgram } from '../../processes/find-program.js';
import type { ExecServices } from '../exec-services.js';
import type { PtyRequest } from './pty.js';
import { remoteShell } from './remote-shell.js';

export interface ConsoleLaunch extends Pick<PtyRequest, 'argv' | 'workingDirectory' | 'environment' | 'shell' | 'runAs'> {
  /** For the operator: "remote console". */
  readonly what: string;
  /** Whom it runs as. */
  readonly user: string;
}

type Placed = Omit<ConsoleLaunch, 'user'>;
type Wanted = Pick<OpenConsole, 'argv' | 'shell' | 'user' | 'terminal' | 'consoleId'>;
export type ConsoleServices = Pick<ExecServices, 'directory' | 'hostId' | 'path' | 'policy'>;

/**
 * Without a context the target is the host itself.
 * @throws WombatError when the host does not allow it, or has no such program or user
 */
export function consoleLaunch(wanted: Wanted, context: NodeContext | undefined, services: ConsoleServices): ConsoleLaunch {
  services.policy.checkConsole(wanted.user);
  const launch = context ? nodeConsole(wanted, context) : loginShell(wanted.user, services);
  const { user } = wanted;
  return {
    ...launch,
    user: launch.runAs?.name ?? ownName(),
    environment: {
      ...launch.environment,
      ...(user === '' ? {} : { USER: user, LOGNAME: user }),
      TERM: /^[\w.+-]{1,64}$/.test(wanted.terminal) ? wanted.terminal : 'xterm',
      WOMBAT_HOST_ID: services.hostId,
      // So nobody takes it for a process of the node.
      [execIdVariable]: isId(wanted.consoleId, 'con') ? wanted.consoleId : 'con',
    },
  };
}

function nodeConsole(wanted: Wanted, context: NodeContext): Placed {
  const environment = nodeEnvironment(context);
  const { paths: { root }, path } = context;
  const shell = findProgram('bash', '/', path) ?? '/bin/sh';
  const common = { workingDirectory: root, environment, shell, runAs: wanted.user === '' ? ownerOf(context) : runAs(wanted.user, path) };
  if (wanted.shell) return { ...common, what: 'shell', argv: [shell] };
  if (wanted.argv.length > 0) return { ...common, what: 'console of the release', argv: resolveArgv(wanted.argv, context, environment) };
  if (!context.spec.erlang) return { ...common, what: 'shell', argv: [shell] };
  const remote = remoteShell(context);
  return { ...common, what: 'remote console', argv: remote.argv, environment: { ...environment, ...remote.environment } };
}

/** As at a login on the machine, but for its messages of the day. */
function loginShell(user: string, { directory, path }: ConsoleServices): Placed {
  const name = user === '' ? ownName() : user;
  const account = findAccount(name);
  const home = account && existsSync(account.home) ? account.home : join(directory, 'exec');
  const own = shellOf(name);
  // Users of services have a shell that says no.
  const shell = own !== undefined && !/\/(nologin|false|sync)$/.test(own) && findProgram(own, '/', path) ? own : '/bin/sh';
  return {
    what: 'shell', argv: [shell, '-l'], shell, runAs: runAs(user, path),
    workingDirectory: existsSync(home) ? home : '/',
    environment: { ...cleanEnvironment({ path, home }), USER: name, LOGNAME: name },
  };
}

/** Of the agent; its number where it has no name. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
