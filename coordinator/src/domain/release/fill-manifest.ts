import { entrySegments, WombatError } from '@wombat/proto';
import type { Manifest } from '../model/release.js';
import { checkProgram } from './check-start.js';
import { checkCommand } from './commands/check-command.js';
import type { Inspection } from './inspection.js';
import { mergeInputs, type ManifestInput } from './manifest-input.js';
import { nearestText } from './nearest.js';
import { isAdaptedOnly, withOtpDefaults } from './otp-defaults.js';
import { splitCommand } from './split-command.js';
import { checkTemplate, usesName } from './template.js';
import { templateNames, withoutSecrets } from './template-names.js';
import { isVmArgs } from './vm-args.js';

export interface FilledManifest {
  readonly manifest: Manifest;
  /** What was changed or guessed, one sentence each, for the operator. */
  readonly notes: readonly string[];
}

/** Of a drain command. */
export const defaultDrainTimeoutMs = 60_000;

/** A plain process that has not ended after this long counts as ready. */
const aliveForMs = 200;

/**
 * The whole manifest from what was given and what the tarball says.
 * @throws WombatError WO_MANIFEST_INVALID, WO_TEMPLATE_MISSING, WO_TEMPLATE_INVALID
 */
export function fillManifest(given: ManifestInput, inspection: Inspection): FilledManifest {
  const { input, notes } = withOtpDefaults(normalised(given), inspection);
  const manifest: Manifest = {
    start: input.start ?? '',
    stop: input.stop ?? '',
    nodeName: input.nodeName ?? '',
    mode: input.mode ?? 'foreground',
    templates: input.templates ?? [],
    ports: input.ports ?? [],
    ready: input.ready ?? { kind: 'alive', aliveForMs },
    readyTimeoutMs: input.readyTimeoutMs ?? 60_000,
    // Left out when it is not said: a release of before is still the same release.
    ...(input.drain === undefined ? {} : { drain: input.drain }),
    ...(input.drainTimeoutMs === undefined ? {} : { drainTimeoutMs: input.drainTimeoutMs }),
    ...(input.console === undefined ? {} : { console: input.console }),
    stopTimeoutMs: input.stopTimeoutMs ?? 30_000,
    sharedPaths: input.sharedPaths ?? [],
    logFiles: input.logFiles ?? [],
    environment: input.environment ?? {},
    pidCommand: input.pidCommand ?? '',
    dataDirectory: input.dataDirectory ?? namesDataDirectory(input, inspection),
    runAs: input.runAs ?? '',
    limits: input.limits ?? { openFiles: 0, processes: 0, nice: 0, memoryBytes: 0 },
    needs: input.needs ?? { memoryBytes: 0, diskBytes: 0 },
    commands: input.commands ?? [],
  };
  checkCommands(manifest, inspection);
  checkNames(manifest);
  checkLimits(manifest);
  for (const [index, command] of manifest.commands.entries()) checkCommand(command, manifest.commands.slice(0, index), inspection);
  checkPaths(manifest, inspection);
  return { manifest, notes };
}

/** Whether nodes of the release are Erlang nodes, which need epmd, a cookie and distribution ports. */
export function isErlangRelease(release: { readonly layout: Inspection['layout']; readonly manifest: Manifest; readonly templateTexts: Readonly<Record<string, string>> }): boolean {
  const { layout, manifest, templateTexts } = release;
  if (manifest.nodeName === '') return false;
  if (layout !== 'plain' || manifest.ready.kind === 'erlang') return true;
  return Object.entries(templateTexts).some(([path, text]) => isVmArgs(path) || usesName(text, ['node.erlangName', 'node.distributionPort', 'contactsErlang']));
}

/** What is said, `./x` as `x`. */
function normalised(given: ManifestInput): ManifestInput {
  const input = mergeInputs(given);
  return input.templates ? { ...input, templates: input.templates.map((path) => cleanPath('the template', path)) } : input;
}

function checkCommands(manifest: Manifest, inspection: Inspection): void {
  if (manifest.start.trim() === '') {
    throw new WombatError('WO_MANIFEST_INVALID', 'nothing says how to start the release', { hint: 'give a start command, or wombat.release.yaml in the tarball' });
  }
  const commands: [string, string][] = [['start', manifest.start], ['stop', manifest.stop], ['drain', manifest.drain ?? ''], ['console', manifest.console ?? ''], ['pidCommand', manifest.pidCommand]];
  if (manifest.ready.kind === 'command') commands.push(['ready', manifest.ready.command]);
  for (const [what, text] of commands) {
    if (text === '' && what !== 'ready') continue;
    checkTemplate(what, text, withoutSecrets(templateNames(manifest.ports)));
    checkProgram(splitCommand(text, what), inspection, what);
  }
}

function checkNames(manifest: Manifest): void {
  const { nodeName, ports, ready, environment } = manifest;
  if (nodeName !== '' && !/^[A-Za-z_][\w-]{0,62}$/.test(nodeName)) throw invalid(`the node name ${JSON.stringify(nodeName)} is not made of letters, digits, "_" and "-"`);
  if (ready.kind === 'erlang' && nodeName === '') throw invalid('the ready check asks an Erlang node, but no node name is given');
  const names = new Set<string>();
  for (const { name, number } of ports) {
    if (!/^[a-zA-Z][\w-]{0,30}$/.test(name)) throw invalid(`the port name ${JSON.stringify(name)} is not 1-31 letters, digits, "_" and "-"`);
    if (names.has(name)) throw invalid(`the port ${name} is named twice`);
    if (!Number.isInteger(number) || number < 0 || number > 65_535) throw invalid(`the port ${name} is no number from 1 to 65535, or 0 for a free one`);
    names.add(name);
  }
  if (ready.kind === 'port' && !names.has(ready.port)) throw invalid(`the ready check asks port ${ready.port}, which the manifest does not name${nearestText(ready.port, names)}`);
  for (const name of Object.keys(environment)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw invalid(`${JSON.stringify(name)} is no name of an environment variable`);
  }
  for (const [what, ms] of [['ready', manifest.readyTimeoutMs], ['stop', manifest.stopTimeoutMs], ['drain', manifest.drainTimeoutMs ?? defaultDrainTimeoutMs]] as const) {
    if (!(ms > 0 && ms <= 24 * 3_600_000)) throw invalid(`the ${what} timeout is not between 1 ms and 24 h`);
  }
}

function checkLimits({ runAs, limits, needs }: Manifest): void {
  if (runAs !== '' && !/^[a-z_][a-z0-9_-]{0,31}\$?$/i.test(runAs)) throw invalid(`runAs: ${JSON.stringify(runAs)} is no name of a user`);
  if (!Number.isInteger(limits.nice) || limits.nice < -20 || limits.nice > 19) throw invalid('limits.nice is not a whole number from -20 to 19');
  const amounts = { 'limits.openFiles': limits.openFiles, 'limits.processes': limits.processes, 'limits.memory': limits.memoryBytes, 'needs.memory': needs.memoryBytes, 'needs.disk': needs.diskBytes };
  for (const [what, amount] of Object.entries(amounts)) {
    if (!Number.isSafeInteger(amount) || amount < 0) throw invalid(`${what} is no amount that a machine can have`);
  }
}

function namesDataDirectory(input: ManifestInput, inspection: Inspection): boolean {
  const texts = (input.templates ?? []).map((path) => inspection.texts[path] ?? '');
  return [input.start ?? '', ...Object.values(input.environment ?? {}), ...texts].some((text) => usesName(text, ['node.dataDir']));
}

function checkPaths(manifest: Manifest, inspection: Inspection): void {
  const names = templateNames(manifest.ports);
  for (const path of manifest.templates) {
    const text = inspection.texts[path];
    if (text === undefined) throw templateMissing(path, inspection);
    if (!isAdaptedOnly(inspection.layout, path)) checkTemplate(path, text, names);
  }
  for (const path of manifest.sharedPaths) cleanPath('the shared path', path);
}

/** WO_TEMPLATE_MISSING with the nearest path that there is. */
export function templateMissing(path: string, inspection: Pick<Inspection, 'entries'>): WombatError {
  return new WombatError('WO_TEMPLATE_MISSING', `the template ${path} is not in the tarball${nearestText(path, inspection.entries.keys())}`, { details: { path } });
}

function cleanPath(what: string, path: string): string {
  try {
    const segments = entrySegments(path);
    if (segments.length > 0) return segments.join('/');
  } catch (error) {
    throw invalid(`${what} ${JSON.stringify(path.slice(0, 200))} is no path inside the tarball`, error);
  }
  throw invalid(`${what} is empty`);
}

function invalid(message: string, cause?: unknown): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', message, cause === undefined ? {} : { cause });
}
