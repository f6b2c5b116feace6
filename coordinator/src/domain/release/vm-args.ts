/** What Wombat decides about an Erlang node; the rest of a vm.args is the release's. */
export interface ErlangIdentity {
  /** "riak-3@127.7.7.2" */
  readonly erlangName: string;
  readonly address: string;
  readonly distributionPort: number;
}

const value = String.raw`(?:"(?:\\.|[^"\\])*"|'[^']*'|\S+)`;
const nameFlag = new RegExp(String.raw`(^|\s)-s?name\s+${value}`, 'g');
const cookieFlag = new RegExp(String.raw`(^|\s)-setcookie\s+${value}(?:[ \t]+(?![-+#])${value})?`, 'g');
const epmdFlag = new RegExp(String.raw`(^|\s)-start_epmd\s+${value}`, 'g');
const distributionPair = new RegExp(String.raw`\s+inet_dist_(?:use_interface|listen_min|listen_max)\s+${value}`, 'g');

/** Whether a file of this path is read by an Erlang virtual machine as its arguments. */
export function isVmArgs(path: string): boolean {
  return /(^|\/)vm\.args(\.src)?$/.test(path);
}

/**
 * Takes the node's name, cookie and distribution ports out of a vm.args and writes Wombat's. The cookie is never put
 * back: an emulator copies this file into its argv, and finds the cookie in a file in its HOME.
 * Epmd is not started from here, for it would live on in a directory that may be removed.
 */
export function replaceIdentity(text: string, identity: ErlangIdentity): string {
  const kept = text.split('\n').map(withoutIdentity).filter((line) => line !== undefined);
  while (kept.at(-1)?.trim() === '') kept.pop();
  return [...kept, '', '## Written by Wombat for this node', ...identityLines(identity), ''].join('\n');
}

/** For a vm.args that has placeholders: what it says is kept, what it leaves open is added, a cookie is dropped. */
export function completeIdentity(text: string, identity: ErlangIdentity): string {
  const spoken = text.split('\n').filter((line) => !line.trim().startsWith('#')).join('\n');
  const missing = identityLines(identity).filter((line) => !isSaid(spoken, line));
  const kept = text.split('\n').map((line) => (line.trim().startsWith('#') ? line : without(line, cookieFlag))).filter((line) => line !== undefined);
  while (kept.at(-1)?.trim() === '') kept.pop();
  return [...kept, ...missing, ''].join('\n');
}

function identityLines(identity: ErlangIdentity): string[] {
  const lines = [`-name ${identity.erlangName}`, '-start_epmd false'];
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(identity.address);
  if (octets) lines.push(`-kernel inet_dist_use_interface {${octets.slice(1).join(',')}}`);
  if (identity.distributionPort > 0) {
    lines.push(`-kernel inet_dist_listen_min ${identity.distributionPort}`, `-kernel inet_dist_listen_max ${identity.distributionPort}`);
  }
  return lines;
}

function isSaid(text: string, line: string): boolean {
  const words = line.split(' ');
  if (words[0] === '-name') return new RegExp(String.raw`(^|\s)-s?name\s`).test(text);
  return text.includes(words[0] === '-kernel' ? words[1]! : words[0]!);
}

function withoutIdentity(line: string): string | undefined {
  if (line.trim().startsWith('#')) return line;
  let rest: string | undefined = line;
  for (const flag of [nameFlag, cookieFlag, epmdFlag]) rest = rest === undefined ? undefined : without(rest, flag);
  if (rest === undefined || !/inet_dist_(use_interface|listen_m)/.test(rest)) return rest;
  const other = rest.replace(distributionPair, '').replace(/(^|\s)-kernel\s*(?=$|\s[-+])/g, '$1').trim();
  return other === '' ? undefined : other;
}

/** The line without the flag; undefined when nothing else was on it. */
function without(line: string, flag: RegExp): string | undefined {
  const rest = line.replace(flag, '$1');
  return rest !== line && rest.trim() === '' ? undefined : rest;
}
