import { durationToMs, WombatError } from '@wombat/proto';
import { RunMode, type Manifest as ManifestMessage, type ManifestArgument as ArgumentMessage, type ManifestFile as FileMessage } from '@wombat/proto/control';
import { argumentTypes, type ArgumentType, type ManifestArgument, type ManifestCommand, type ReadyRule } from '../../domain/model/release.js';
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
    commands: message.commands.map((command): ManifestCommand => ({ ...command, arguments: command.arguments.map(argumentOf) })),
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

/** Empty fields were not said. */
function argumentOf({ name, type, help, required, default: otherwise, positional, choices }: ArgumentMessage): ManifestArgument {
  return { name, type: typeOf(name, type), help, required, ...(otherwise !== '' && { default: otherwise }), ...(positional && { positional }), ...(choices.length > 0 && { choices }) };
}

function typeOf(name: string, type: string): ArgumentType {
  const word = type || 'string';
  const known = argumentTypes.find((one) => one === word);
  if (known) return known;
  throw new WombatError('WO_MANIFEST_INVALID', `the type of argument ${name.slice(0, 40)} is one of ${argumentTypes.join(', ')}`);
}
