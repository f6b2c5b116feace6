import { durationFromMs, limits, platformText, WombatError } from '@wombat/proto';
import type { NodeSpec, ReadyCheck } from '@wombat/proto/agent';
import type { Host } from '../domain/model/host.js';
import { hostPlatform } from '../domain/model/host-platform.js';
import type { Node } from '../domain/model/node.js';
import type { Artifact, Manifest, Release } from '../domain/model/release.js';
import { artifactFor, isForAnyPlatform } from '../domain/release/artifact-platform.js';
import type { RenderedNode, RenderedReady } from '../domain/release/render-node.js';

/** An assignment is one frame at most. @throws WombatError WO_TEMPLATE_TOO_LARGE */
export function checkSize(node: Node, { files, environment }: RenderedNode, secrets: NodeSpec['secrets']): void {
  const texts = [...files.map(({ text }) => text), ...Object.entries(environment).flat(), ...secrets.map(({ name }) => name)];
  const sizeBytes = [...texts, ...secrets.map(({ value }) => value)].reduce((total, each) => total + Buffer.byteLength(each), 0);
  if (sizeBytes <= limits.renderedBytes) return;
  throw new WombatError('WO_TEMPLATE_TOO_LARGE', `the rendered files, the environment and the secrets of ${node.name} take ${sizeBytes} bytes, more than ${limits.renderedBytes}`);
}

/**
 * undefined while the host has not said what it is, and that matters.
 * @throws WombatError WO_PLATFORM_MISMATCH
 */
export function artifactOn(host: Host, release: Release): Artifact | undefined {
  if (isForAnyPlatform(release.artifacts)) return release.artifacts[0];
  const platform = hostPlatform(host);
  if (!platform) return undefined;
  const artifact = artifactFor(release.artifacts, platform);
  if (artifact) return artifact;
  const built = release.artifacts.map((one) => platformText(one.platform)).join(', ');
  throw new WombatError('WO_PLATFORM_MISMATCH', `host ${host.name} is ${platformText(platform)}, release ${release.name} ${release.version} has artifacts for ${built}`, {
    hint: 'upload the release with one more: wo upload-release ... --artifact OS/ARCH=FILE',
  });
}

export function limitsOf({ limits, runAs }: Manifest): NodeSpec['limits'] {
  return { openFiles: BigInt(limits.openFiles), processes: BigInt(limits.processes), nice: limits.nice, memoryBytes: BigInt(limits.memoryBytes), runAs };
}

export function requirementsOf({ needs }: Manifest, { platform }: Artifact): NodeSpec['requirements'] {
  return { memoryBytes: BigInt(needs.memoryBytes), diskBytes: BigInt(needs.diskBytes), platform: { ...platform } };
}

export function readyCheck(ready: RenderedReady): ReadyCheck {
  switch (ready.kind) {
    case 'command':
      return { kind: { $case: 'action', value: { kind: { $case: 'command', value: { argv: [...ready.argv], environment: {}, settings: undefined } } } } };
    case 'port':
      return { kind: { $case: 'tcpPortName', value: ready.port } };
    case 'alive':
      return { kind: { $case: 'aliveFor', value: durationFromMs(ready.aliveForMs) } };
    case 'erlang':
      return { kind: { $case: 'erlangPing', value: {} } };
  }
}
