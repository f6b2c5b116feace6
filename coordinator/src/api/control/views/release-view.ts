import { durationFromMs } from '@wombat/proto';
import { ReleaseLayout, RunMode, type Manifest as ManifestMessage, type ManifestReady, type Release as ReleaseMessage } from '@wombat/proto/control';
import type { Manifest, ReadyRule, Release } from '../../../domain/model/release.js';
import { enumOf, metadataView } from './common.js';

export function releaseView(release: Release): ReleaseMessage {
  return {
    metadata: metadataView(release),
    version: release.version,
    manifest: manifestView(release.manifest),
    artifacts: release.artifacts.map(({ sha256, sizeBytes, platform }) => ({ sha256, sizeBytes: BigInt(sizeBytes), platform })),
    layout: enumOf<ReleaseLayout>(ReleaseLayout, release.layout),
    ertsVersion: release.ertsVersion,
    otpRelease: release.otpRelease,
  };
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
    stopTimeout: durationFromMs(manifest.stopTimeoutMs),
    sharedPaths: [...manifest.sharedPaths],
    logFiles: [...manifest.logFiles],
    commands: [],
    environment: { ...manifest.environment },
    pidCommand: manifest.pidCommand,
    dataDirectory: true,
    runAs: '',
    limits: undefined,
    needs: undefined,
  };
}

function checkView(rule: ReadyRule): ManifestReady['check'] {
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
