import { hasSecretMark, limits, WombatError } from '@wombat/proto';
import type { Node, NodePort } from '../model/node.js';
import type { ReadyRule, Release } from '../model/release.js';
import { isErlangRelease } from './fill-manifest.js';
import { nodeEnvironment } from './node-environment.js';
import { adaptMixScript, isAdaptedOnly } from './otp-defaults.js';
import { splitCommand } from './split-command.js';
import { renderTemplate, type TemplateNames, type TemplateView } from './template.js';
import { templateNames, withoutSecrets } from './template-names.js';
import { completeIdentity, isVmArgs, replaceIdentity } from './vm-args.js';

/** A node that a new one is told of. */
export interface RenderContact {
  readonly name: string;
  readonly erlangName: string;
  readonly address: string;
  readonly ports: readonly Pick<NodePort, 'name' | 'number'>[];
}

export interface RenderInput {
  readonly release: Pick<Release, 'name' | 'version' | 'manifest' | 'layout' | 'templateTexts'>;
  readonly node: Pick<Node, 'id' | 'name' | 'ordinal' | 'address' | 'erlangName' | 'ports' | 'distributionPort'>;
  readonly epmdPort: number;
  readonly family: {
    readonly id: string;
    readonly name: string;
    readonly environment: Readonly<Record<string, string>>;
    /** The values are filled in on the host. */
    readonly secretNames: readonly string[];
  };
  readonly host: { readonly id: string; readonly name: string; readonly region: string; readonly zone: string };
  readonly contacts: readonly RenderContact[];
  /** What the bootstrap strategy contributes. */
  readonly strategy: Readonly<Record<string, string>>;
}

/** `mode` 0: that of the file it replaces. */
export interface RenderedText {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export type RenderedReady = Exclude<ReadyRule, { readonly kind: 'command' }> | { readonly kind: 'command'; readonly argv: readonly string[] };

/** All that is written or run for one node. Marks for what only the host knows are still in it. */
export interface RenderedNode {
  readonly files: readonly RenderedText[];
  readonly environment: Readonly<Record<string, string>>;
  readonly start: readonly string[];
  /** Empty: no stop command. */
  readonly stop: readonly string[];
  /** Empty: nothing to run before it is stopped. */
  readonly drain: readonly string[];
  /** Empty: that of the layout. */
  readonly console: readonly string[];
  readonly pidCommand: readonly string[];
  readonly ready: RenderedReady;
  readonly isErlang: boolean;
}

/**
 * Pure: the same input gives the same node.
 * @throws WombatError WO_TEMPLATE_INVALID, WO_TEMPLATE_TOO_LARGE, WO_MANIFEST_INVALID
 */
export function renderNode(input: RenderInput): RenderedNode {
  const { manifest } = input.release;
  const isErlang = isErlangRelease(input.release);
  const environment = nodeEnvironment(input.release, input.family.environment, input.family.secretNames);
  const names = templateNames(manifest.ports, { strategy: Object.keys(input.strategy), environment: Object.keys(environment), secrets: input.family.secretNames });
  const view = viewOf(input, environment);
  const argv = (what: string, text: string): string[] => splitCommand(text, what).map((word) => renderTemplate(what, word, withoutSecrets(names), view));
  const { ready } = manifest;
  return {
    files: filesOf(input, names, view, isErlang),
    environment,
    start: argv('start', manifest.start),
    stop: argv('stop', manifest.stop),
    drain: argv('drain', manifest.drain ?? ''),
    console: argv('console', manifest.console ?? ''),
    pidCommand: argv('pidCommand', manifest.pidCommand),
    ready: ready.kind === 'command' ? { kind: 'command', argv: argv('ready', ready.command) } : ready,
    isErlang,
  };
}

function filesOf(input: RenderInput, names: TemplateNames, view: TemplateView, isErlang: boolean): RenderedText[] {
  const { layout, manifest, templateTexts } = input.release;
  const files = manifest.templates.map((path) => {
    const source = templateTexts[path] ?? '';
    const rendered = isAdaptedOnly(layout, path) ? source : renderTemplate(path, source, names, view);
    const text = adapt(path, source, rendered, input, isErlang);
    return { path, text, mode: hasSecretMark(text) ? 0o600 : 0 };
  });
  const sizeBytes = files.reduce((total, file) => total + Buffer.byteLength(file.text), 0);
  if (sizeBytes > limits.renderedBytes) {
    throw new WombatError('WO_TEMPLATE_TOO_LARGE', `the rendered files of ${input.node.name} take ${sizeBytes} bytes, more than ${limits.renderedBytes}`);
  }
  return files;
}

/** What an OTP release needs beyond its placeholders. */
function adapt(path: string, source: string, rendered: string, input: RenderInput, isErlang: boolean): string {
  if (isErlang && isVmArgs(path)) {
    const isNamed = source.includes('{{') && rendered.split(/\s+/).includes(input.node.erlangName);
    return isNamed ? completeIdentity(rendered, input.node) : replaceIdentity(rendered, input.node);
  }
  return input.release.layout === 'mix' ? adaptMixScript(path, rendered) : rendered;
}

function viewOf(input: RenderInput, environment: Readonly<Record<string, string>>): TemplateView {
  const { node, family, host, release, strategy } = input;
  const erlangNames = input.contacts.map((contact) => contact.erlangName).filter((name) => name !== '');
  return {
    node: {
      id: node.id, name: node.name, erlangName: node.erlangName, address: node.address, ordinal: node.ordinal,
      distributionPort: node.distributionPort, epmdPort: input.epmdPort, port: portsByName(node.ports),
      dataDir: '{{path:data}}', homeDir: '{{path:home}}', rootDir: '{{path:root}}',
    },
    family: { id: family.id, name: family.name },
    host,
    release: { name: release.name, version: release.version },
    contacts: input.contacts.map((contact, index) => ({
      name: contact.name, erlangName: contact.erlangName, address: contact.address, port: portsByName(contact.ports),
      comma: index + 1 < input.contacts.length ? ',' : '',
    })),
    hasContacts: input.contacts.length > 0,
    contactsErlang: `[${erlangNames.map((name) => `'${name}'`).join(',')}]`,
    // As the strategy `custom` names them: those that are no Erlang nodes by name and address.
    contactNames: input.contacts.map((contact) => contact.erlangName || `${contact.name}@${contact.address}`).join(','),
    environment,
    strategy,
  };
}

function portsByName(ports: readonly Pick<NodePort, 'name' | 'number'>[]): Record<string, number> {
  return Object.fromEntries(ports.map((port) => [port.name, port.number]));
}
