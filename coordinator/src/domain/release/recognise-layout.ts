import type { Inspection, StartScript } from './inspection.js';

export type Recognised = Pick<Inspection, 'layout' | 'releaseName' | 'releaseVersion' | 'ertsVersion' | 'otpRelease' | 'startScripts'>;

/** Whether the text of this file is needed to recognise a layout or to fill a manifest. */
export function isTelling(path: string): boolean {
  return /^(wombat\.release\.yaml|bin\/[^/]+|etc\/vm\.args|releases\/(start_erl\.data|RELEASES)|releases\/[^/]+\/(vm\.args|sys\.config|env\.sh)(\.src)?)$/.test(path);
}

/**
 * relx and mix both write `releases/start_erl.data` ("<erts> <version>"); mix alone an `env.sh` beside the release's
 * vm.args. Anything else is plain: what it is, its manifest says.
 */
export function recogniseLayout(entries: Inspection['entries'], texts: Inspection['texts']): Recognised {
  const plain: Recognised = { layout: 'plain', releaseName: '', releaseVersion: '', ertsVersion: '', otpRelease: '', startScripts: [] };
  const start = /^\s*(\S+)\s+(\S+)/.exec(texts['releases/start_erl.data'] ?? '');
  const record = /\[\s*\{\s*release\s*,\s*"([^"]+)"\s*,\s*"([^"]+)"/.exec(texts['releases/RELEASES'] ?? '');
  const releaseVersion = start?.[2] ?? record?.[2];
  if (releaseVersion === undefined) return plain;
  const isMix = entries.has(`releases/${releaseVersion}/env.sh`);
  const startScripts = startScriptsOf(entries, texts, releaseVersion, record?.[1]);
  if (startScripts.length === 0) return plain;
  const ertsVersion = broughtErts(entries);
  return {
    layout: isMix ? 'mix' : 'relx',
    releaseName: record?.[1] ?? startScripts[0]!.path.slice('bin/'.length),
    releaseVersion,
    ertsVersion,
    otpRelease: otpReleaseOf(ertsVersion),
    startScripts,
  };
}

/** Those that speak of the release's root, the release's own name first. */
function startScriptsOf(entries: Inspection['entries'], texts: Inspection['texts'], version: string, name: string | undefined): StartScript[] {
  const scripts: StartScript[] = [];
  for (const [path, text] of Object.entries(texts)) {
    const entry = entries.get(path);
    if (!/^bin\/[^/]+$/.test(path) || entry?.kind !== 'file' || !entry.executable) continue;
    // relx writes the same script twice, the second with the version in its name.
    if (path.endsWith(`-${version}`) && entries.has(path.slice(0, -version.length - 1))) continue;
    if (!text.startsWith('#!') || !/RELEASE_ROOT|RUNNER_BASE_DIR|RUNNER_SCRIPT_DIR|REL_NAME/.test(text)) continue;
    scripts.push({ path, hasForeground: /^[^#\n]*\bforeground\b[^()\n]*\)/m.test(text) });
  }
  const isNamed = (script: StartScript): number => (script.path === `bin/${name}` ? 0 : 1);
  return scripts.sort((left, right) => isNamed(left) - isNamed(right) || (left.path < right.path ? -1 : 1));
}

function broughtErts(entries: Inspection['entries']): string {
  for (const path of entries.keys()) {
    const match = /^erts-([^/]+)\/bin\/(erlexec|beam\.smp)$/.exec(path);
    if (match) return match[1]!;
  }
  return '';
}

/** Since ERTS 11 each OTP release has its own major version of ERTS, twelve behind. */
function otpReleaseOf(ertsVersion: string): string {
  const major = Number.parseInt(ertsVersion, 10);
  return major >= 11 ? String(major + 12) : '';
}
