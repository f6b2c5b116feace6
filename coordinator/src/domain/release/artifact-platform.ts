import { checkPlatform, platformText, WombatError } from '@wombat/proto';
import type { Artifact, Platform } from '../model/release.js';

const fields = ['os', 'arch', 'libc'] as const;

/**
 * What is said of an artifact, completed by what its runtime says.
 * @throws WombatError WO_ARTIFACT_PLATFORM when the two contradict each other
 */
export function artifactPlatform(said: Platform, found: Platform): Platform {
  const checked = checkPlatform(said);
  const wrong = fields.find((field) => checked[field] !== '' && found[field] !== '' && checked[field] !== found[field]);
  if (wrong) {
    throw new WombatError('WO_ARTIFACT_PLATFORM', `the artifact is said to be for ${platformText(checked)}, but its runtime was built for ${platformText(found)}`, {
      hint: 'leave the platform out: it is read from the runtime',
    });
  }
  return { os: checked.os || found.os, arch: checked.arch || found.arch, libc: checked.libc || found.libc };
}

/** @throws WombatError WO_ARTIFACT_PLATFORM when two are for one platform */
export function checkDistinct(artifacts: readonly Artifact[]): void {
  const seen = new Set<string>();
  for (const { platform } of artifacts) {
    const text = platformText(platform);
    if (seen.has(text)) throw new WombatError('WO_ARTIFACT_PLATFORM', `two artifacts are for ${text}`);
    seen.add(text);
  }
}

/** The artifact for a host: of those that run there the one that says most. Fields of a host that are not known fit anything. */
export function artifactFor<A extends Pick<Artifact, 'platform'>>(artifacts: readonly A[], host: Platform): A | undefined {
  const fitting = artifacts.filter(({ platform }) => fits(platform, host));
  return fitting.reduce<A | undefined>((best, artifact) => (best === undefined || said(artifact.platform) > said(best.platform) ? artifact : best), undefined);
}

/** Whether it matters what the host is. */
export function isForAnyPlatform(artifacts: readonly Pick<Artifact, 'platform'>[]): boolean {
  return artifacts.length === 1 && said(artifacts[0]!.platform) === 0;
}

function fits(artifact: Platform, host: Platform): boolean {
  return fields.every((field) => artifact[field] === '' || host[field] === '' || artifact[field] === host[field]);
}

function said(platform: Platform): number {
  return fields.filter((field) => platform[field] !== '').length;
}
