import { platformText, WombatError } from '@wombat/proto';
import type { Artifact, Manifest, Platform } from '../domain/model/release.js';
import { artifactPlatform, checkDistinct } from '../domain/release/artifact-platform.js';
import { examineRelease, type ExaminedRelease, type GivenManifest } from './examine-release.js';
import type { TarballSource } from './inspect-tarball.js';

/** One tarball of a release, and the platform that it is said to be for. */
export interface GivenArtifact {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly platform: Platform;
  readonly source: TarballSource;
}

export interface ExaminedArtifacts extends ExaminedRelease {
  readonly artifacts: readonly Artifact[];
}

/**
 * Looks into every artifact of a release. They must hold the same release: one manifest and one set of templates is
 * what nodes on all platforms are run and rendered by.
 * @throws WombatError WO_ARTIFACT_PLATFORM, WO_ARTIFACTS_DIFFER, and what examineRelease throws
 */
export async function examineArtifacts(given: readonly GivenArtifact[], manifest: GivenManifest, signal: AbortSignal): Promise<ExaminedArtifacts> {
  const artifacts: Artifact[] = [];
  const notes = new Set<string>();
  let first: ExaminedRelease | undefined;
  for (const { sha256, sizeBytes, platform, source } of given) {
    const examined = await examineRelease(source, manifest, signal);
    artifacts.push({ sha256, sizeBytes, platform: artifactPlatform(platform, examined.inspection.platform) });
    first ??= examined;
    checkSame(first, examined, artifacts);
    for (const note of [...examined.notes, ...runtimeNotes(first, examined, artifacts)]) notes.add(note);
  }
  if (!first) throw new WombatError('WO_INVALID_ARGUMENT', 'a release needs an artifact');
  checkDistinct(artifacts);
  return { ...first, notes: [...notes], artifacts };
}

function checkSame(first: ExaminedRelease, other: ExaminedRelease, artifacts: readonly Artifact[]): void {
  const facts: [string, (examined: ExaminedRelease) => string][] = [
    ['the layout', ({ inspection }) => inspection.layout],
    ['the name', ({ name }) => name],
    ['the version', ({ version }) => version],
    ...manifestFacts(first),
  ];
  for (const [what, of] of facts) {
    if (of(first) !== of(other)) throw differ(`${what} is ${of(first) || 'not said'} in one and ${of(other) || 'not said'} in the other`, artifacts);
  }
  const paths = new Set([...Object.keys(first.templateTexts), ...Object.keys(other.templateTexts)]);
  for (const path of paths) {
    if (first.templateTexts[path] !== other.templateTexts[path]) throw differ(`the template ${path} is not the same in both`, artifacts);
  }
}

function manifestFacts({ manifest }: ExaminedRelease): [string, (examined: ExaminedRelease) => string][] {
  return (Object.keys(manifest) as (keyof Manifest)[]).map((key) => [`"${key}" of the manifest`, (examined) => JSON.stringify(examined.manifest[key])]);
}

/** `artifacts`: up to the one that differs from the first. */
function differ(what: string, artifacts: readonly Artifact[]): WombatError {
  const [first, last] = [artifacts[0]!, artifacts.at(-1)!].map(({ platform }) => platformText(platform));
  return new WombatError('WO_ARTIFACTS_DIFFER', `the artifacts for ${first} and for ${last} differ: ${what}`);
}

function runtimeNotes(first: ExaminedRelease, other: ExaminedRelease, artifacts: readonly Artifact[]): string[] {
  const [one, two] = [first.inspection.ertsVersion, other.inspection.ertsVersion];
  return one === two ? [] : [`the artifact for ${platformText(artifacts.at(-1)!.platform)} brings ERTS ${two || 'none'}, the first ERTS ${one || 'none'}`];
}
