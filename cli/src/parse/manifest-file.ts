import { readFile } from 'node:fs/promises';
import { durationFromMs, nearest, WombatError } from '@wombat/proto';
import { Manifest, RunMode, type ManifestPort, type ManifestReady } from '@wombat/proto/control';
import type { Duration } from '@wombat/proto/types';
import { parse } from 'yaml';
import { UsageError } from '../usage-error.js';
import { parseDurationMs } from './duration.js';

const apiVersion = 'wombat/v1';
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
  'apiVersion', 'name', 'version', 'start', 'stop', 'nodeName', 'mode', 'templates', 'ports', 'ready', 'stopTimeout', 'sharedPaths', 'logFiles', 'environment', 'pidCommand',
] as const;

/**
 * The same keys as the wombat.release.yaml that a tarball may hold; its `name` is not ours to use,
 * the command line names the release. @throws UsageError saying which key is wrong
 */
export function readManifest(document: unknown): ManifestFile {
  const top = tableOf(document, 'the manifest');
  onlyKnown(top, known, '');
  if (top['apiVersion'] !== apiVersion) throw new UsageError(`apiVersion is missing or not ${apiVersion}`);
  const version = top['version'];
  return {
    version: version === undefined ? undefined : scalarOf(version, 'version'),
    manifest: Manifest.fromPartial({
      start: textOf(top['start'], 'start'),
      stop: textOf(top['stop'], 'stop'),
      nodeName: textOf(top['nodeName'], 'nodeName'),
      mode: modeOf(top['mode']),
      pidCommand: textOf(top['pidCommand'], 'pidCommand'),
      templates: textsOf(top['templates'], 'templates'),
      ports: portsOf(top['ports']),
      ready: readyOf(top['ready']),
      stopTimeout: durationOf(top['stopTimeout'], 'stopTimeout'),
      sharedPaths: textsOf(top['sharedPaths'], 'sharedPaths'),
      logFiles: textsOf(top['logFiles'], 'logFiles'),
      environment: environmentOf(top['environment']),
    }),
  };
}

function modeOf(value: unknown): RunMode {
  if (value === undefined) return RunMode.UNSPECIFIED;
  if (value === 'foreground') return RunMode.FOREGROUND;
  if (value === 'daemon') return RunMode.DAEMON;
  throw new UsageError('mode is foreground or daemon');
}

/** `{name: http, number: 8080}`; without a number a free one is allocated for each node. */
function portsOf(value: unknown): ManifestPort[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new UsageError('ports is no list');
  return value.map((each: unknown, index) => {
    const table = tableOf(each, `ports[${index}]`);
    onlyKnown(table, ['name', 'protocol', 'number'], `ports[${index}].`);
    const { protocol = 'tcp', number = 'auto' } = table;
    if (protocol !== 'tcp' && protocol !== 'udp') throw new UsageError(`ports[${index}].protocol is tcp or udp`);
    return { name: textOf(table['name'], `ports[${index}].name`), protocol, number: portNumberOf(number, index) };
  });
}

function portNumberOf(value: unknown, index: number): number {
  if (value === 'auto') return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new UsageError(`ports[${index}].number is auto or a number from 1 to 65535`);
}

function readyOf(value: unknown): ManifestReady | undefined {
  if (value === undefined) return undefined;
  const table = tableOf(value, 'ready');
  onlyKnown(table, ['command', 'port', 'aliveFor', 'erlang', 'timeout'], 'ready.');
  const checks = Object.keys(table).filter((key) => key !== 'timeout');
  if (checks.length > 1) throw new UsageError(`ready takes one check, not ${checks.join(' and ')}`);
  return { check: checkOf(checks[0], table), timeout: durationOf(table['timeout'], 'ready.timeout') };
}

function checkOf(kind: string | undefined, table: Record<string, unknown>): ManifestReady['check'] {
  switch (kind) {
    case 'command':
    case 'port':
      return { $case: kind, value: scalarOf(table[kind], `ready.${kind}`) };
    case 'aliveFor':
      return { $case: 'aliveFor', value: durationOf(table[kind], 'ready.aliveFor')! };
    case 'erlang':
      if (table[kind] !== true) throw new UsageError('ready.erlang is true, or left out');
      return { $case: 'erlangPing', value: true };
    default:
      return undefined;
  }
}

function durationOf(value: unknown, name: string): Duration | undefined {
  return value === undefined ? undefined : durationFromMs(parseDurationMs(scalarOf(value, name), name));
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
