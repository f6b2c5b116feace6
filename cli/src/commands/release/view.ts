import { durationToMs, platformText, quoted } from '@wombat/proto';
import { releaseLayoutToJSON, runModeToJSON, type Manifest, type ManifestCommand, type ManifestNeeds, type ManifestReady, type ProcessLimits, type Release } from '@wombat/proto/control';
import type { Column } from '../../output/table.js';
import { elapsed, relative } from '../../output/time.js';
import { bytes, word } from '../../output/words.js';
import { usageOf } from './command-usage.js';

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
    ['commands', release.offeredCommands.map(commandText).join('\n')],
    ['artifacts', release.artifacts.map((artifact) => `sha256:${artifact.sha256}  ${bytes(artifact.sizeBytes)}  ${platformText(artifact.platform ?? { os: '', arch: '', libc: '' })}`).join('\n')],
    ['created', relative(release.metadata?.createdAt, nowMs)],
  ];
}

/** Of a release that a dry run has made: what only a stored one has is left out. */
export function plannedEntries(release: Release, nowMs: number): readonly (readonly [string, string])[] {
  return releaseEntries(release, nowMs).filter(([key]) => key !== 'id' && key !== 'created');
}

function manifestEntries(manifest: Manifest): readonly (readonly [string, string])[] {
  return [
    ['start', manifest.start],
    ['stop', manifest.stop || (manifest.nodeName ? 'init:stop' : 'TERM')],
    ['drain', manifest.drain],
    ['node name', manifest.nodeName],
    ['mode', word(runModeToJSON(manifest.mode), 'RUN_MODE_')],
    ['pid command', manifest.pidCommand],
    ['ready', readyText(manifest.ready)],
    ['ports', manifest.ports.map((port) => `${port.name} ${port.protocol}:${port.number || 'auto'}`).join('\n')],
    ['templates', manifest.templates.join('\n')],
    ['environment', Object.entries(manifest.environment).map(([key, value]) => `${key}=${value}`).join('\n')],
    ['log files', manifest.logFiles.join('\n')],
    ['run as', manifest.runAs],
    ['limits', limitsText(manifest.limits)],
    ['needs', needsText(manifest.needs)],
    ['data directory', manifest.dataDirectory ? 'kept when a node is updated' : ''],
  ];
}

/** "nice 5, memory 512.0 MiB" */
export function limitsText(limits: ProcessLimits | undefined): string {
  if (!limits) return '';
  const { openFiles, processes, nice, memoryBytes } = limits;
  return [openFiles && `open files ${openFiles}`, processes && `processes ${processes}`, nice && `nice ${nice}`, memoryBytes && `memory ${bytes(memoryBytes)}`].filter(Boolean).join(', ');
}

export function needsText(needs: ManifestNeeds | undefined): string {
  if (!needs) return '';
  return [needs.memoryBytes && `memory ${bytes(needs.memoryBytes)}`, needs.diskBytes && `disk ${bytes(needs.diskBytes)}`].filter(Boolean).join(', ');
}

/** "backup PATH [--level=INTEGER]: bin/backup {{argument.PATH}}"; without a program where Erlang nodes have it by themselves */
function commandText(command: ManifestCommand): string {
  return [usageOf(command), command.argv.map(quoted).join(' ')].filter(Boolean).join(': ');
}

export function readyText(ready: ManifestReady | undefined): string {
  const check = ready?.check;
  switch (check?.$case) {
    case 'command':
      return `exit 0 of: ${check.value}`;
    case 'port':
      return `port ${check.value} answers`;
    case 'aliveFor':
      return `alive for ${elapsed(durationToMs(check.value) ?? 0)}`;
    case 'erlangPing':
      return 'the Erlang node answers and its applications are started';
    default:
      return '';
  }
}
