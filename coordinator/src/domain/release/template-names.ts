import type { Manifest } from '../model/release.js';
import type { TemplateNames } from './template.js';

const fixed = [
  'node.id', 'node.name', 'node.erlangName', 'node.address', 'node.ordinal', 'node.distributionPort', 'node.epmdPort',
  'node.dataDir', 'node.homeDir', 'node.rootDir',
  'family.id', 'family.name', 'host.id', 'host.name', 'host.region', 'host.zone', 'release.name', 'release.version',
  // Sections, and the contacts as one text: ['a@x','b@y'] and a@x,b@y.
  'contacts', 'contactsErlang', 'contactNames', 'hasContacts',
] as const;

const contact = ['name', 'erlangName', 'address', 'comma', 'port.*'] as const;

/** The names that templates of a release may use; those of strategy, environment and secrets are the family's to give. */
export function templateNames(
  ports: Manifest['ports'],
  open: { readonly strategy?: Iterable<string>; readonly environment?: Iterable<string>; readonly secrets?: Iterable<string> } = {},
): TemplateNames {
  const below = (prefix: string, names: Iterable<string> | undefined): string[] => (names ? [...names].map((name) => `${prefix}.${name}`) : [`${prefix}.*`]);
  const portNames = below('node.port', ports.map((port) => port.name));
  const names = [...fixed, ...portNames, ...below('strategy', open.strategy), ...below('environment', open.environment)];
  return { names, secrets: open.secrets ? [...open.secrets] : 'any', sections: { contacts: [...contact.slice(0, -1), ...below('port', ports.map((port) => port.name))] } };
}

/** In what becomes an argument of a process no secret may stand. */
export function withoutSecrets(names: TemplateNames): TemplateNames {
  return { ...names, secrets: 'none' };
}
