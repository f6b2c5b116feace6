import { manifestFileName } from '@wombat/proto/manifest';
import { fillManifest, type FilledManifest } from '../domain/release/fill-manifest.js';
import type { Inspection } from '../domain/release/inspection.js';
import { mergeInputs, type ManifestInput } from '../domain/release/manifest-input.js';
import { inspectTarball, type TarballSource } from './inspect-tarball.js';
import { parseManifestFile, type ManifestFile } from './manifest-file.js';

/** What an operator says of a release beside its tarball. */
export interface GivenManifest {
  /** Wins over every file. */
  readonly input: ManifestInput;
  /** Stands for the wombat.release.yaml in the tarball. */
  readonly file?: ManifestFile | undefined;
}

export interface ExaminedRelease extends FilledManifest {
  readonly inspection: Inspection;
  /** From the manifest file or the layout; empty when neither says. */
  readonly name: string;
  readonly version: string;
  /** Text of each template, by its path: what a release stores. */
  readonly templateTexts: Readonly<Record<string, string>>;
}

/**
 * Looks into a tarball and fills its manifest: what is given wins over a manifest file, that over what an OTP layout
 * says by itself.
 * @throws WombatError WO_ARCHIVE_*, WO_MANIFEST_INVALID, WO_TEMPLATE_*
 */
export async function examineRelease(source: TarballSource, given: GivenManifest, signal: AbortSignal): Promise<ExaminedRelease> {
  let inspection = await inspectTarball(source, mergeInputs(given.input, given.file?.input ?? {}).templates ?? [], signal);
  const text = inspection.texts[manifestFileName];
  const file = given.file ?? (text === undefined ? undefined : parseManifestFile(text));
  const input = mergeInputs(given.input, file?.input ?? {});
  const missing = (input.templates ?? []).filter((path) => inspection.texts[path] === undefined);
  // Only a manifest inside the tarball can name templates that the first pass did not know of.
  if (missing.length > 0) inspection = await inspectTarball(source, input.templates ?? [], signal);
  const { manifest, notes } = fillManifest(input, inspection);
  const templateTexts = Object.fromEntries(manifest.templates.map((path) => [path, inspection.texts[path] ?? '']));
  const unread = given.file !== undefined && text !== undefined ? [`the ${manifestFileName} in the tarball was not read: another was given`] : [];
  return { manifest, notes: [...unread, ...notes], inspection, name: file?.name || inspection.releaseName, version: file?.version || inspection.releaseVersion, templateTexts };
}
