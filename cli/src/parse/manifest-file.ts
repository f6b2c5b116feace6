import { readFile } from 'node:fs/promises';
import { durationFromMs, WombatError } from '@wombat/proto';
import { Manifest, RunMode, type ManifestPort, type ManifestReady } from '@wombat/proto/control';
import { parse } from 'yaml';
import { UsageError } from '../usage-error.js';
import { parseDurationMs } from './duration.js';
import { nearest } from './nearest.js';

const apiVersion = 'wombat.release/v1';
const maximumBytes = 256 * 1024;

/** A manifest as it is written by hand, and what names the release when the command line does not. */
export interface ManifestFile {
  readonly manifest: Manifest;
  readonly version: string | undefined;
}

/** Reads YAML, of which JSON is a part. @throws WombatError WO_MANIFEST_INVALID naming the key */
export async function readManifestFile(path: string): Promise<ManifestFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`the manifest ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (Buffer.byteLength(text) > maximumBytes) throw invalid(path, `is longer than ${maximumBytes} bytes`);
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw invalid(path, `is no YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  try {
    return readManifest(document);
  } catch (error) {
    if (error instanceof UsageError) throw invalid(path, error.message);
    throw error;
  }
}

const known = [
  'apiVersion', 'version', 'start', 'stop', 'nodeName', 'run', 'templates', 'ports', 'ready', 'stopTimeout', 'shared', 'logFiles', 'environment', 'dataDirectory',
] as const;

/** @throws UsageError saying which key is wrong */
export function readManifest(document: unknown): ManifestFile {
  const top = tableOf(document, 'the manifest');
  onlyKnown(top, known, '');
  if (top['apiVersion'] !== undefined && top['apiVersion'] !== apiVersion) throw new UsageError(`apiVersion is not ${apiVersion}`);
  const run = tableOf(top['run'] ?? {}, 'run');
  onlyKnown(run, ['mode', 'pidCommand'], 'run.');
  const version = top['version'];
  return {
    version: version === undefined ? undefined : scalarOf(version, 'version'),
    manifest: Manifest.fromPartial({
      start: textOf(top['start'], 'start'),
      stop: textOf(top['stop'], 'stop'),
      nodeName: textOf(top['nodeName'], 'nodeName'),
      mode: modeOf(run['mode']),
      pidCommand: textOf(run['pidCommand'], 'run.pidCommand'),
      templates: textsOf(top['templates'], 'templates'),
      ports: portsOf(top['ports']),
      ready: readyOf(top['ready']),
      stopTimeout: top['stopTimeout'] === undefined ? undefined : durationFromMs(parseDurationMs(scalarOf(top['stopTimeout'], 'stopTimeout'), 'stopTimeout')),
      sharedPaths: textsOf(top['shared'], 'shared'),
      logFiles: textsOf(top['logFiles'], 'logFiles'),
      environment: environmentOf(top['environment']),
      dataDirectory: top['dataDirectory'] === true,
    }),
  };
}

function modeOf(value: unknown): RunMode {
  if (value === undefined) return RunMode.UNSPECIFIED;
  if (value === 'foreground') return RunMode.FOREGROUND;
  if (value === 'daemon') return RunMode.DAEMON;
  throw new UsageError('run.mode is foreground or daemon');
}

/** `http: 8080`, `http: auto`, or `{number, protocol}`. */
function portsOf(value: unknown): ManifestPort[] {
  return Object.entries(tableOf(value ?? {}, 'ports')).map(([name, port]) => {
    const long = typeof port === 'object' && port !== null;
    const table = long ? tableOf(port, `ports.${name}`) : { number: port };
    onlyKnown(table, ['number', 'protocol'], `ports.${name}.`);
    const protocol = table['protocol'] ?? 'tcp';
    if (protocol !== 'tcp' && protocol !== 'udp') throw new UsageError(`ports.${name}.protocol is tcp or udp`);
    return { name, protocol, number: portNumberOf(table['number'] ?? 'auto', name) };
  });
}

function portNumberOf(value: unknown, name: string): number {
  if (value === 'auto') return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new UsageError(`ports.${name} is auto or a number from 1 to 65535`);
}

function readyOf(value: unknown): ManifestReady | undefined {
  if (value === undefined) return undefined;
  const table = tableOf(value, 'ready');
  onlyKnown(table, ['command', 'port', 'aliveFor', 'erlangPing', 'timeout'], 'ready.');
  const timeout = table['timeout'] === undefined ? undefined : durationFromMs(parseDurationMs(scalarOf(table['timeout'], 'ready.timeout'), 'ready.timeout'));
  const checks = Object.keys(table).filter((key) => key !== 'timeout');
  if (checks.length > 1) throw new UsageError(`ready takes one check, not ${checks.join(' and ')}`);
  return { check: checkOf(checks[0], table), timeout };
}

function checkOf(kind: string | undefined, table: Record<string, unknown>): ManifestReady['check'] {
  switch (kind) {
    case 'command':
    case 'port':
      return { $case: kind, value: scalarOf(table[kind], `ready.${kind}`) };
    case 'aliveFor':
      return { $case: 'aliveFor', value: durationFromMs(parseDurationMs(scalarOf(table[kind], 'ready.aliveFor'), 'ready.aliveFor')) };
    case 'erlangPing':
      if (table[kind] !== true) throw new UsageError('ready.erlangPing is true, or left out');
      return { $case: 'erlangPing', value: true };
    default:
      return undefined;
  }
}

function environmentOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(tableOf(value ?? {}, 'environment')).map(([key, each]) => [key, scalarOf(each, `environment.${key}`)]));
}

function onlyKnown(table: Record<string, unknown>, names: readonly string[], prefix: string): void {
  for (const key of Object.keys(table)) {
    if (names.includes(key)) continue;
    const close = nearest(key, names);
    throw new UsageError(`there is no key ${prefix}${key}${close ? `; did you mean ${prefix}${close}?` : ''}`);
  }
}

function tableOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${name} is no mapping`);
}

function textOf(value: unknown, name: string): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  throw new UsageError(`${name} is no text`);
}

function textsOf(value: unknown, name: string): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new UsageError(`${name} is no list of texts`);
}

/** Text; numbers and booleans as they are written. */
function scalarOf(value: unknown, name: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new UsageError(`${name} is no text`);
}

function invalid(path: string, what: string): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', `${path}: ${what}`);
}
