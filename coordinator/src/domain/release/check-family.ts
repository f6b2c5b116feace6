import type { Release } from '../model/release.js';
import { nodeEnvironment } from './node-environment.js';
import { isAdaptedOnly } from './otp-defaults.js';
import { checkTemplate } from './template.js';
import { templateNames, withoutSecrets } from './template-names.js';

/**
 * Whether the family gives every variable and secret that templates and commands of the release name. At upload
 * nobody knows the family, so this is asked before nodes are placed or started.
 * @throws WombatError WO_TEMPLATE_INVALID
 */
export function checkFamilyNames(
  release: Pick<Release, 'manifest' | 'layout' | 'templateTexts'>,
  spec: { readonly environment: Readonly<Record<string, string>>; readonly sealedSecrets: Readonly<Record<string, string>> },
): void {
  const { manifest, layout, templateTexts } = release;
  const secrets = Object.keys(spec.sealedSecrets);
  const environment = Object.keys(nodeEnvironment(release, spec.environment, secrets));
  const names = templateNames(manifest.ports, { environment, secrets });
  for (const path of manifest.templates) {
    if (!isAdaptedOnly(layout, path)) checkTemplate(path, templateTexts[path] ?? '', names);
  }
  const commands = { start: manifest.start, stop: manifest.stop, pidCommand: manifest.pidCommand, ready: manifest.ready.kind === 'command' ? manifest.ready.command : '' };
  for (const [what, text] of Object.entries(commands)) checkTemplate(what, text, withoutSecrets(names));
}
