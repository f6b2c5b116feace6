import { durationToMs, isAccountName, limits, WombatError } from '@wombat/proto';
import { IoPriority, type Action, type CommandSettings, type PutFile } from '@wombat/proto/types';
import { checkChange } from './family-environment.js';
import { sha256Form } from './upload.js';

const nicest = 19;
const mostPermissions = 0o777;

/** What no host could run is refused before anything is stored. @throws WombatError WO_INVALID_ARGUMENT */
export function checkAction(action: Action | undefined): Action {
  const kind = action?.kind;
  if (!kind || (kind.$case === 'command' && kind.value.argv.length === 0)) throw refused('there is no command to run', 'wo exec FAMILY -- COMMAND');
  if (kind.$case === 'command') {
    const { argv, environment, settings } = kind.value;
    if (argv.some(hasZero)) throw refused('an argument holds a zero byte: no process can be given it', 'send it as input: --stdin FILE');
    checkChange({ environment, secrets: settings?.secrets ?? {}, unset: [] });
    if (settings) checkSettings(settings);
  }
  if (kind.$case === 'putFile') checkFile(kind.value);
  return { kind };
}

/** Of a request that names a command of releases. @throws WombatError WO_INVALID_ARGUMENT */
export function withoutAction(action: Action | undefined): Action {
  if (action?.kind) throw refused('the request names a command of releases, and an action too', 'leave one of them out');
  return { kind: undefined };
}

function checkFile({ sha256, path, mode, user }: PutFile): void {
  if (!sha256Form.test(sha256)) throw refused('a file is named by the sha256 of its bytes', 'upload it first: wo push does');
  if (path === '' || hasZero(path) || Buffer.byteLength(path) > limits.pathBytes) throw refused('there is no path to put the file at', 'wo push FILE EXPRESSION:PATH');
  if (mode > mostPermissions) throw refused(`the mode is more than permissions: ${mode.toString(8)}`, 'give --mode 644');
  checkUser(user);
}

function checkUser(user: string): void {
  if (user !== '' && !isAccountName(user)) throw refused(`${JSON.stringify(user.slice(0, 64))} is no name of a user`, 'give a user of the hosts: --user www-data');
}

function checkSettings({ workingDirectory, user, nice, ioPriority, killAfter }: CommandSettings): void {
  if (hasZero(workingDirectory) || Buffer.byteLength(workingDirectory) > limits.pathBytes) throw refused('the working directory is no path', 'give one that is on the hosts: --cwd /srv');
  checkUser(user);
  if (nice > nicest) throw refused(`the niceness is 0 to ${nicest}: ${nice}`, 'give --nice 10');
  if (![IoPriority.UNSPECIFIED, IoPriority.LOW, IoPriority.IDLE].includes(ioPriority)) throw refused('this priority of input and output is not known', 'give --io low, or idle');
  const killAfterMs = durationToMs(killAfter) ?? 0;
  if (killAfterMs < 0 || killAfterMs > limits.longestKillAfterMs) throw refused(`between TERM and KILL there are 0 to ${limits.longestKillAfterMs / 1_000} s: ${killAfterMs} ms`, 'give --kill-after 5s');
}

function hasZero(text: string): boolean {
  return text.includes('\0');
}

function refused(message: string, hint: string): WombatError {
  return new WombatError('WO_INVALID_ARGUMENT', message, { hint });
}
