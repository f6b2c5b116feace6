import { durationFromMs } from '@wombat/proto';
import {
  ReleaseLayout, RunMode, type Artifact as ArtifactMessage, type Manifest as ManifestMessage, type ManifestCommand as CommandMessage, type ManifestNeeds, type ManifestReady, type ProcessLimits, type Release as ReleaseMessage,
} from '@wombat/proto/control';
import type { Artifact, Manifest, ManifestCommand, ManifestLimits, ManifestNeeds as Needs, ReadyRule, Release } from '../../../domain/model/release.js';
import { offeredCommands } from '../../../domain/release/commands/offered-commands.js';
import { enumOf, metadataView } from './common.js';

export function releaseView(release: Release): ReleaseMessage {
  return {
    metadata: metadataView(release),
    version: release.version,
    manifest: manifestView(release.manifest),
    artifacts: release.artifacts.map(artifactView),
    layout: enumOf<ReleaseLayout>(ReleaseLayout, release.layout),
    ertsVersion: release.ertsVersion,
    otpRelease: release.otpRelease,
    offeredCommands: offeredCommands(release).map(({ command }) => commandView(command)),
  };
}

export function artifactView({ sha256, sizeBytes, platform }: Artifact): ArtifactMessage {
  return { sha256, sizeBytes: BigInt(sizeBytes), platform };
}

function manifestView(manifest: Manifest): ManifestMessage {
  return {
    start: manifest.start,
    stop: manifest.stop,
    nodeName: manifest.nodeName,
    mode: enumOf<RunMode>(RunMode, manifest.mode),
    templates: [...manifest.templates],
    ports: manifest.ports.map((port) => ({ ...port })),
    ready: { check: checkView(manifest.ready), timeout: durationFromMs(manifest.readyTimeoutMs) },
    drain: manifest.drain ?? '',
    console: manifest.console ?? '',
    drainTimeout: manifest.drainTimeoutMs === undefined ? undefined : durationFromMs(manifest.drainTimeoutMs),
    stopTimeout: durationFromMs(manifest.stopTimeoutMs),
    sharedPaths: [...manifest.sharedPaths],
    logFiles: [...manifest.logFiles],
    commands: manifest.commands.map(commandView),
    environment: { ...manifest.environment },
    pidCommand: manifest.pidCommand,
    dataDirectory: manifest.dataDirectory,
    runAs: manifest.runAs,
    limits: limitsView(manifest.limits),
    needs: needsView(manifest.needs),
  };
}

function commandView({ name, help, argv, arguments: given }: ManifestCommand): CommandMessage {
  return { name, help, argv: [...argv], arguments: given.map(({ default: otherwise = '', positional = false, choices = [], ...rest }) => ({ ...rest, default: otherwise, positional, choices: [...choices] })) };
}

export function limitsView({ openFiles, processes, nice, memoryBytes }: ManifestLimits): ProcessLimits {
  return { openFiles: BigInt(openFiles), processes: BigInt(processes), nice, memoryBytes: BigInt(memoryBytes) };
}

export function needsView({ memoryBytes, diskBytes }: Needs): ManifestNeeds {
  return { memoryBytes: BigInt(memoryBytes), diskBytes: BigInt(diskBytes) };
}

export function checkView(rule: ReadyRule): ManifestReady['check'] {
  switch (rule.kind) {
    case 'command':
      return { $case: 'command', value: rule.command };
    case 'port':
      return { $case: 'port', value: rule.port };
    case 'alive':
      return { $case: 'aliveFor', value: durationFromMs(rule.aliveForMs) };
    case 'erlang':
      return { $case: 'erlangPing', value: true };
  }
}
