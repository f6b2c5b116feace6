import { WombatError } from '@wombat/proto';
import { manifestFileBytes, manifestFileName, manifestSchema, type ManifestDocument } from '@wombat/proto/manifest';
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { ManifestArgument, ManifestCommand, ReadyRule } from '../domain/model/release.js';
import type { ManifestInput } from '../domain/release/manifest-input.js';
import { problemsOf } from './manifest-problems.js';
import { wrongShape } from './manifest-shape.js';
import { toBytes, toMs } from './units.js';

export interface ManifestFile {
  /** Of the release; empty where the file does not say. */
  readonly name: string;
  readonly version: string;
  readonly input: ManifestInput;
}

/** Few aliases: a small file must not become a large one. */
const maximumAliases = 20;

/**
 * Reads YAML, of which JSON is a part.
 * @param called what errors call the file
 * @throws WombatError WO_MANIFEST_INVALID that names each line and key that is wrong
 */
export function parseManifestFile(text: string, called = manifestFileName): ManifestFile {
  if (Buffer.byteLength(text) > manifestFileBytes) throw invalid(called, `it is longer than ${manifestFileBytes} bytes`);
  const wrong = wrongShape(text);
  if (wrong !== undefined) throw invalid(called, wrong);
  const lines = new LineCounter();
  // Its errors are made to be read by a quoted line each, and there may be thousands; the first is told.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const parsed = manifestSchema.safeParse(valueOf(document, lines, called));
  if (!parsed.success) throw invalid(called, problemsOf(parsed.error, document, lines).join('; '));
  const { name = '', version = '', ready } = parsed.data;
  if (ready && Object.keys(ready).filter((key) => key !== 'timeout').length > 1) throw invalid(called, 'ready takes one check, of command, port, aliveFor and erlang');
  return { name, version, input: inputOf(parsed.data) };
}

function valueOf(document: Document.Parsed, lines: LineCounter, called: string): unknown {
  const [error] = document.errors;
  if (error) throw invalid(called, `line ${lines.linePos(error.pos[0]).line}: it is no YAML: ${error.message}`);
  try {
    return document.toJS({ maxAliasCount: maximumAliases });
  } catch (error) {
    throw invalid(called, (error as Error).message);
  }
}

function inputOf(said: ManifestDocument): ManifestInput {
  const { apiVersion: _form, name: _name, version: _version, ready, ports, stopTimeout, drainTimeout, limits, needs, commands, ...rest } = said;
  return {
    ...rest,
    ports: ports?.map((port) => ({ ...port, number: port.number === 'auto' ? 0 : port.number })),
    ready: ready && readyRule(ready),
    readyTimeoutMs: ready?.timeout === undefined ? undefined : toMs(ready.timeout),
    drainTimeoutMs: drainTimeout === undefined ? undefined : toMs(drainTimeout),
    stopTimeoutMs: stopTimeout === undefined ? undefined : toMs(stopTimeout),
    limits: limits && { openFiles: limits.openFiles ?? 0, processes: limits.processes ?? 0, nice: limits.nice ?? 0, memoryBytes: toBytes(limits.memory) },
    needs: needs && { memoryBytes: toBytes(needs.memory), diskBytes: toBytes(needs.disk) },
    commands: commands?.map(commandOf),
  };
}

function commandOf({ name, help = '', argv, arguments: given = [] }: NonNullable<ManifestDocument['commands']>[number]): ManifestCommand {
  return { name, help, argv, arguments: given.map(argumentOf) };
}

function argumentOf({ name, type, help = '', required, default: otherwise, positional, choices }: NonNullable<NonNullable<ManifestDocument['commands']>[number]['arguments']>[number]): ManifestArgument {
  return { name, type, help, required, ...(otherwise !== undefined && { default: otherwise }), ...(positional && { positional }), ...(choices && { choices }) };
}

function readyRule(said: NonNullable<ManifestDocument['ready']>): ReadyRule | undefined {
  if (said.command !== undefined) return { kind: 'command', command: said.command };
  if (said.port !== undefined) return { kind: 'port', port: said.port };
  if (said.aliveFor !== undefined) return { kind: 'alive', aliveForMs: toMs(said.aliveFor) };
  return said.erlang ? { kind: 'erlang' } : undefined;
}

function invalid(called: string, what: string): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', `${called}: ${what}`);
}
