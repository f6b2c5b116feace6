import { ProviderError, type AgentCommand, type AgentPackage, type HostServices, type PluginLog, type ProviderAbilities } from '@wombat/plugin-sdk';
import { isId, type Clock } from '@wombat/proto';
import { oneLine } from './one-line.js';
import type { Redaction } from './redaction.js';

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where plugins' words go; a pino logger is one. */
export interface HostLog {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

/** What the coordinator gives to the hosts of plugins. */
export interface HostServiceSources {
  readonly log: HostLog;
  /** What the machine of one host runs at its first boot. @throws when the host is none of this provider's */
  installPayload(providerId: string, hostId: string): Promise<Uint8Array>;
  /** How to start the agent of one host. @throws when the host is none of this provider's */
  agentCommand(providerId: string, hostId: string): Promise<AgentCommand>;
  agentPackage(arch: string): Promise<AgentPackage | undefined>;
  metric?(name: string, value: number, labels: Readonly<Record<string, string>>): void;
}

export interface HostServicesOptions {
  /** "provider(My EC2 account)" */
  readonly who: string;
  readonly providerId: string;
  readonly abilities: ProviderAbilities;
  readonly redaction: Redaction;
  readonly sources: HostServiceSources;
  readonly clock: Clock;
}

/** The services as one registered provider sees them. */
export function createHostServices(options: HostServicesOptions): HostServices {
  const { providerId, sources, abilities } = options;
  return {
    log: createPluginLog({ ...options, log: sources.log, fields: { providerId } }),
    metric(name, value, labels = {}) {
      if (Number.isFinite(value)) sources.metric?.(oneLine(name, 128), value, { ...labels, provider: providerId });
    },
    async installPayload(hostId) {
      const payload = await sources.installPayload(providerId, checkedHostId(hostId));
      const limit = abilities.maxInstallPayloadBytes;
      if (limit > 0 && payload.length <= limit) return payload;
      throw ProviderError.invalid('installPayload', `the install payload has ${payload.length} bytes, this driver takes ${limit}`);
    },
    agentCommand: async (hostId) => await sources.agentCommand(providerId, checkedHostId(hostId)),
    agentPackage: async (arch) => await sources.agentPackage(arch),
  };
}

function checkedHostId(hostId: string): string {
  if (!isId(hostId, 'host')) throw ProviderError.invalid('hostId', 'this is no id of a host');
  return hostId;
}

/** Lines a plugin may write at once, and in each second after that: a flood must not drown the log. */
const logBurst = 200;
const logLinesPerSecond = 50;

export interface PluginLogOptions {
  /** "provider(My EC2 account)" */
  readonly who: string;
  readonly log: HostLog;
  /** On every line. */
  readonly fields: Readonly<Record<string, string>>;
  readonly redaction: Redaction;
  readonly clock: Clock;
}

/** A log under a name: bounded lines, a bounded number of them, no secrets. */
export function createPluginLog({ who, log, fields: own, redaction, clock }: PluginLogOptions): PluginLog {
  let allowance = logBurst;
  let dropped = 0;
  let filledAt = clock.monotonic();
  const mayWrite = (): boolean => {
    const now = clock.monotonic();
    allowance = Math.min(logBurst, allowance + ((now - filledAt) / 1000) * logLinesPerSecond);
    filledAt = now;
    if (allowance < 1) {
      dropped += 1;
      return false;
    }
    allowance -= 1;
    return true;
  };
  const writer = (level: keyof HostLog) => (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    if (!mayWrite()) return;
    const lost = dropped === 0 ? {} : { droppedLines: dropped };
    dropped = 0;
    log[level]({ ...cleanFields(fields, redaction), ...lost, ...own }, `${who}: ${oneLine(redaction.clean(message), 2_000)}`);
  };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}

function cleanFields(fields: Readonly<Record<string, unknown>>, redaction: Redaction): Record<string, string | number | boolean> {
  return Object.fromEntries(Object.entries(fields).slice(0, 32).map(([name, value]) => {
    if (typeof value === 'number' || typeof value === 'boolean') return [oneLine(name, 64), value];
    return [oneLine(name, 64), oneLine(redaction.clean(asText(value)), 2_000)];
  }));
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.message;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
