import { releaseLayoutToJSON, runModeToJSON, type Manifest, type Release } from '@wombat/proto/control';
import { durationToMs } from '@wombat/proto';
import type { Column } from '../../output/table.js';
import { elapsed, relative } from '../../output/time.js';
import { bytes, word } from '../../output/words.js';

export function releaseColumns(nowMs: number): readonly Column<Release>[] {
  return [
    { title: 'NAME', text: (release) => release.metadata?.name ?? '', cut: true },
    { title: 'VERSION', text: (release) => release.version },
    { title: 'LAYOUT', text: layoutOf },
    { title: 'SIZE', text: (release) => bytes(release.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0n)) },
    { title: 'START', text: (release) => release.manifest?.start ?? '', wide: true },
    { title: 'CREATED', text: (release) => relative(release.metadata?.createdAt, nowMs) },
    { title: 'ID', text: (release) => release.metadata?.id ?? '' },
  ];
}

export function layoutOf(release: Release): string {
  return word(releaseLayoutToJSON(release.layout), 'RELEASE_LAYOUT_');
}

export function releaseEntries(release: Release, nowMs: number): readonly (readonly [string, string])[] {
  const { manifest } = release;
  return [
    ['id', release.metadata?.id ?? ''],
    ['name', release.metadata?.name ?? ''],
    ['version', release.version],
    ['layout', layoutOf(release)],
    ['OTP', release.otpRelease],
    ['ERTS', release.ertsVersion],
    ...(manifest ? manifestEntries(manifest) : []),
    ['artifacts', release.artifacts.map((artifact) => `sha256:${artifact.sha256}  ${bytes(artifact.sizeBytes)}  ${platformOf(artifact.platform)}`).join('\n')],
    ['created', relative(release.metadata?.createdAt, nowMs)],
  ];
}

function manifestEntries(manifest: Manifest): readonly (readonly [string, string])[] {
  return [
    ['start', manifest.start],
    ['stop', manifest.stop],
    ['node name', manifest.nodeName],
    ['mode', word(runModeToJSON(manifest.mode), 'RUN_MODE_')],
    ['ready', readyOf(manifest)],
    ['ports', manifest.ports.map((port) => `${port.name} ${port.protocol}:${port.number || 'auto'}`).join('\n')],
    ['templates', manifest.templates.join('\n')],
    ['environment', Object.entries(manifest.environment).map(([key, value]) => `${key}=${value}`).join('\n')],
    ['log files', manifest.logFiles.join('\n')],
  ];
}

function readyOf({ ready }: Manifest): string {
  const check = ready?.check;
  switch (check?.$case) {
    case 'command':
      return `exit 0 of: ${check.value}`;
    case 'port':
      return `port ${check.value} answers`;
    case 'aliveFor':
      return `alive for ${elapsed(durationToMs(check.value) ?? 0)}`;
    case 'erlangPing':
      return 'the Erlang node answers';
    default:
      return '';
  }
}

function platformOf(platform: { os: string; arch: string; libc: string } | undefined): string {
  return [platform?.os, platform?.arch, platform?.libc].filter(Boolean).join('-') || 'any platform';
}
