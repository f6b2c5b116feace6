import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, launchers } from './checkout.js';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';

interface Marker {
  /** Output that a command in the foreground of a terminal of its own writes once it is up. */
  readonly until?: string;
  /** Run elsewhere, or shown only. */
  readonly isLeftOut?: boolean;
}

export interface PageResult {
  readonly code: number | null;
  /** All that the commands wrote, in the order of the page. */
  readonly output: string;
}

/** Job control gives each terminal a process group, so that its end is Ctrl-C for all that it has started. */
const preamble = `
set -Eeumo pipefail
terminals=()
trap 'echo "$PAGE:$LINENO: failed: $BASH_COMMAND" >&2' ERR
leave() {
  local code=$?
  trap - ERR EXIT
  set +e
  for terminal in "\${terminals[@]}"; do kill -INT -- "-$terminal" 2>/dev/null; wait "$terminal"; done
  exit "$code"
}
trap leave EXIT
until_written() {
  terminals+=($!)
  local tries=0
  until grep -qF -- "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 "$!" 2>/dev/null; then cat "$1"; echo "$PAGE: nothing wrote: $2" >&2; exit 1; fi
    sleep 0.1
  done
}
`;

/**
 * The shell blocks of a page as one script, every line where it stands on the page. A comment before a block says how it
 * is run: `<!-- run: until TEXT -->` in a terminal of its own, `<!-- run: not, REASON -->` not at all.
 */
export function pageScript(page: string): string {
  const lines: string[] = [];
  let marker: Marker = {};
  let block: { readonly isShell: boolean; readonly first: number } | undefined;
  let terminals = 0;
  for (const line of page.split('\n')) {
    const fence = /^```(\w*)$/.exec(line);
    const isRun = block?.isShell === true && !marker.isLeftOut;
    if (!fence) {
      marker = block ? marker : (markerOf(line) ?? (line.trim() === '' ? marker : {}));
      lines.push(isRun ? line : '');
    } else if (!block) {
      block = { isShell: fence[1] === '' || fence[1] === 'sh', first: lines.length };
      lines.push(block.isShell && marker.until !== undefined ? '{' : '');
    } else {
      const output = `"$TERMINALS/${terminals}"`;
      if (isRun && marker.until !== undefined) terminals += 1;
      lines.push(isRun && marker.until !== undefined ? `} >${output} 2>&1 & until_written ${output} ${quoted(marker.until)}` : '');
      [block, marker] = [undefined, {}];
    }
  }
  return lines.join('\n');
}

function markerOf(line: string): Marker | undefined {
  const [, what = ''] = /^<!-- run: (.*) -->$/.exec(line) ?? [];
  if (what.startsWith('until ')) return { until: what.slice('until '.length) };
  return what.startsWith('not, ') ? { isLeftOut: true } : undefined;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Runs a page of docs/ in the checkout; what it writes under /tmp goes under `directory` instead. As root it has a
 * network of its own, where no other coordinator has the usual ports.
 */
export async function runPage(name: string, directory: string, timeoutMs: number): Promise<PageResult> {
  const script = pageScript(readFileSync(join(checkout, name), 'utf8').replaceAll('/tmp/', `${directory}/tmp/`));
  for (const folder of ['tmp', 'terminals', 'home', 'bin']) mkdirSync(join(directory, folder), { recursive: true });
  writeFileSync(join(directory, 'preamble.sh'), preamble);
  writeFileSync(join(directory, 'page.sh'), script);
  symlinkSync(launchers.wo, join(directory, 'bin/wo'));
  const usual = usualEnvironment();
  const environment = {
    ...usual, PATH: `${join(directory, 'bin')}:${usual['PATH']}`, HOME: join(directory, 'home'), PAGE: name, BASH_ENV: join(directory, 'preamble.sh'), TERMINALS: join(directory, 'terminals'),
  };
  const run = ['bash', join(directory, 'page.sh')];
  const [program = '', ...argv] = process.getuid?.() === 0 ? ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...run] : run;
  const child = spawnPlain(program, argv, environment, { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs);
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  clearTimeout(timer);
  return { code, output };
}
