import { durationToMs, WombatError } from '@wombat/proto';
import { RunMode, type Manifest as ManifestMessage, type ManifestArgument, type ManifestFile as FileMessage } from '@wombat/proto/control';
import type { ManifestCommand, ReadyRule } from '../../domain/model/release.js';
import type { ManifestInput } from '../../domain/release/manifest-input.js';
import { parseManifestFile, type ManifestFile } from '../../releases/manifest-file.js';

/** What was said of a manifest; empty fields of the message were not. */
export function saidManifest(message: ManifestMessage | undefined): ManifestInput {
  if (!message) return {};
  const { limits, needs } = message;
  return {
    start: message.start,
    stop: message.stop,
    nodeName: message.nodeName,
    mode: message.mode === RunMode.DAEMON ? 'daemon' : message.mode === RunMode.FOREGROUND ? 'foreground' : undefined,
    templates: message.templates,
    ports: message.ports.map(({ name, number, protocol }) => ({ name, number, protocol: protocol === 'udp' ? 'udp' : 'tcp' })),
    ready: readyOf(message.ready?.check),
    readyTimeoutMs: durationToMs(message.ready?.timeout),
    drain: message.drain || undefined,
    console: message.console || undefined,
    drainTimeoutMs: durationToMs(message.drainTimeout),
    stopTimeoutMs: durationToMs(message.stopTimeout),
    sharedPaths: message.sharedPaths,
    logFiles: message.logFiles,
    environment: message.environment,
    pidCommand: message.pidCommand,
    // The wire cannot tell "no" from "not said".
    dataDirectory: message.dataDirectory || undefined,
    runAs: message.runAs,
    limits: limits && { openFiles: Number(limits.openFiles), processes: Number(limits.processes), nice: limits.nice, memoryBytes: Number(limits.memoryBytes) },
    needs: needs && { memoryBytes: Number(needs.memoryBytes), diskBytes: Number(needs.diskBytes) },
    commands: message.commands.map((command): ManifestCommand => ({ ...command, arguments: command.arguments.map((argument) => ({ ...argument, type: typeOf(argument) })) })),
  };
}

/** @throws WombatError WO_MANIFEST_INVALID */
export function saidManifestFile(message: FileMessage | undefined): ManifestFile | undefined {
  if (!message) return undefined;
  return parseManifestFile(message.text, message.name.slice(0, 200) || undefined);
}

function readyOf(check: NonNullable<ManifestMessage['ready']>['check']): ReadyRule | undefined {
  switch (check?.$case) {
    case 'command':
      return { kind: 'command', command: check.value };
    case 'port':
      return { kind: 'port', port: check.value };
    case 'aliveFor':
      return { kind: 'alive', aliveForMs: durationToMs(check.value) ?? 0 };
    case 'erlangPing':
      return { kind: 'erlang' };
    default:
      return undefined;
  }
}

function typeOf({ name, type }: ManifestArgument): ManifestCommand['arguments'][number]['type'] {
  const word = type || 'string';
  if (word === 'string' || word === 'integer' || word === 'bool') return word;
  throw new WombatError('WO_MANIFEST_INVALID', `the type of argument ${name.slice(0, 40)} is string, integer or bool`);
}
