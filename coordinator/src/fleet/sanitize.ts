import { stripVTControlCharacters } from 'node:util';
import { fromErrorDetail, isId, limits, type WombatError } from '@wombat/proto';
import type { ExecProgress} from '@wombat/proto/agent';
import { Outcome, type AgentUpdateFailed, type ExecOutcome, type ExecOutput, type Facts, type Hello, type NodeStatus, type Sample } from '@wombat/proto/agent';
import type { Attribute, AttributeValue, ErrorDetail } from '@wombat/proto/types';

/*
 * The border for what agents say: it is data of strangers. Texts are capped and lose whatever
 * could steer a terminal or hide in a page; ids, dates and numbers are what they claim to be or
 * are left out. The bytes of outputs and logs pass untouched: they belong to the operator.
 */

const longest = { word: 256, message: 1_024, details: 32, features: 64, disks: 64, addresses: 64, runtimes: 32, damages: 8, attributes: 128 } as const;

// C0 and C1 controls, line separators, marks that turn the direction of writing, byte order mark.
const unwanted = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const unwantedAll = new RegExp(unwanted.source, 'g');
const unwantedInLines = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const address = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$|^::[0-9a-fA-F:.]{0,64}$/;
const digest = /^[0-9a-f]{64}$/;
const latestDateMs = Date.UTC(9999, 11, 31);

function cap(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? length - 1 : length);
}

/** One line of text without control characters, at most `length` UTF-16 units. */
export function cleanText(text: string, length: number = longest.word): string {
  const capped = cap(text, length);
  return unwanted.test(capped) ? stripVTControlCharacters(capped).replace(unwantedAll, '') : capped;
}

/** Text that keeps its line breaks and tabs: log tails. */
export function cleanLines(text: string, length: number): string {
  const capped = cap(text, length);
  return unwanted.test(capped) ? stripVTControlCharacters(capped).replace(unwantedInLines, '') : capped;
}

export function cleanError(detail: ErrorDetail): ErrorDetail {
  const details: Record<string, string> = {};
  for (const [key, value] of Object.entries(detail.details).slice(0, longest.details)) {
    const name = cleanText(key, 64);
    if (name !== '__proto__') details[name] = cleanText(value, longest.word);
  }
  return { code: cleanText(detail.code, 64), message: cleanText(detail.message, longest.message), hint: cleanText(detail.hint, longest.message), details };
}

export function cleanWombatError(detail: ErrorDetail): WombatError {
  return fromErrorDetail(cleanError(detail));
}

function cleanDate(date: Date | undefined): Date | undefined {
  if (!date) return undefined;
  const ms = date.getTime();
  return ms >= 0 && ms <= latestDateMs ? date : undefined;
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

export function cleanHello(hello: Hello): Hello {
  return {
    ...hello,
    agentVersion: cleanText(hello.agentVersion, 64),
    features: hello.features.slice(0, longest.features).map((feature) => cleanText(feature, 64)),
    bootId: cleanText(hello.bootId, 64),
    journalDamages: hello.journalDamages.slice(0, longest.damages).map(({ journal, keptAs, reason }) => ({ journal: cleanText(journal), keptAs: cleanText(keptAs), reason: cleanText(reason) })),
    packageSha256: digest.test(hello.packageSha256) ? hello.packageSha256 : '',
    updateFailed: hello.updateFailed && cleanUpdateFailed(hello.updateFailed),
  };
}

export function cleanUpdateFailed({ updateId, error }: AgentUpdateFailed): AgentUpdateFailed {
  return { updateId: cleanText(updateId, 64), error: cleanError(error ?? { code: 'WO_INTERNAL', message: 'the agent does not say why', hint: '', details: {} }) };
}

export function cleanSample(sample: Sample): Sample {
  return { ...sample, cpuUtilisation: Math.min(1, Math.max(0, finite(sample.cpuUtilisation))), load1m: Math.max(0, finite(sample.load1m)) };
}

const attributeKey = /^[a-z0-9_.-]{1,128}$/;

function cleanValue(value: AttributeValue, isNested: boolean): AttributeValue | undefined {
  const { kind } = value;
  switch (kind?.$case) {
    case 'text':
      return { kind: { $case: 'text', value: cleanText(kind.value) } };
    case 'decimal':
      return Number.isFinite(kind.value) ? value : undefined;
    case 'quantity':
      return Number.isFinite(kind.value.amount) ? { kind: { $case: 'quantity', value: { ...kind.value, currency: cleanText(kind.value.currency, 3) } } } : undefined;
    case 'list': {
      if (isNested) return undefined;
      const values = kind.value.values.slice(0, longest.attributes).flatMap((entry) => cleanValue(entry, true) ?? []);
      return { kind: { $case: 'list', value: { values } } };
    }
    default:
      return kind && value;
  }
}

function cleanAttribute({ key, value }: Attribute): readonly Attribute[] {
  const cleaned = value && attributeKey.test(key) ? cleanValue(value, false) : undefined;
  return cleaned ? [{ key, value: cleaned }] : [];
}

/** Addresses that are neither IP addresses nor host names are left out, as are nameless attributes. */
export function cleanFacts(facts: Facts): Facts {
  const { platform } = facts;
  return {
    ...facts,
    hostname: cleanText(facts.hostname),
    platform: platform && { os: cleanText(platform.os, 32), arch: cleanText(platform.arch, 32), libc: cleanText(platform.libc, 32) },
    kernel: cleanText(facts.kernel),
    osRelease: cleanText(facts.osRelease),
    cpuModel: cleanText(facts.cpuModel),
    disks: facts.disks.slice(0, longest.disks).map((disk) => ({ ...disk, mount: cleanText(disk.mount), filesystem: cleanText(disk.filesystem, 64) })),
    addresses: facts.addresses.slice(0, longest.addresses).filter((text) => address.test(text)),
    erts: facts.erts.slice(0, longest.runtimes).map((erts) => ({
      version: cleanText(erts.version, 64), otpRelease: cleanText(erts.otpRelease, 64), path: cleanText(erts.path, limits.pathBytes),
    })),
    opensslVersion: cleanText(facts.opensslVersion, 64),
    agentVersion: cleanText(facts.agentVersion, 64),
    attributes: facts.attributes.slice(0, longest.attributes).flatMap(cleanAttribute),
  };
}

/** `undefined` when it names no node. */
export function cleanStatus(status: NodeStatus): NodeStatus | undefined {
  if (!isId(status.nodeId, 'node')) return undefined;
  const { waiting, lastError } = status;
  return {
    ...status,
    pid: status.pid > 0n && status.pid < 1n << 31n ? status.pid : 0n,
    startId: cleanText(status.startId, 64),
    startedAt: cleanDate(status.startedAt),
    waiting: waiting && { reason: cleanText(waiting.reason), since: cleanDate(waiting.since), nextTryAt: cleanDate(waiting.nextTryAt) },
    lastError: lastError && cleanError(lastError),
    logTail: cleanLines(status.logTail, limits.logTailBytes),
  };
}

const agentOutcomes: ReadonlySet<Outcome> = new Set([
  Outcome.OK, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.KILLED, Outcome.LOST_DURING_RUN, Outcome.REJECTED,
]);

const cleanOutput = (output: ExecOutput | undefined): ExecOutput | undefined =>
  output && { ...output, head: output.head.subarray(0, limits.outcomeHeadBytes) };

/**
 * `undefined` when it names no job, or a target that is neither a node nor this host. An outcome
 * that is not an agent's to say counts as lost: how the command ended is not known.
 */
export function cleanOutcome(hostId: string, outcome: ExecOutcome): ExecOutcome | undefined {
  if (!isOfJob(hostId, outcome)) return undefined;
  return {
    ...outcome,
    outcome: agentOutcomes.has(outcome.outcome) ? outcome.outcome : Outcome.LOST_DURING_RUN,
    startedAt: cleanDate(outcome.startedAt),
    finishedAt: cleanDate(outcome.finishedAt),
    stdout: cleanOutput(outcome.stdout),
    stderr: cleanOutput(outcome.stderr),
    error: outcome.error && cleanError(outcome.error),
  };
}

/** `undefined` as for an outcome, and where it is more than an agent tells while a command runs. */
export function cleanProgress(hostId: string, progress: ExecProgress): ExecProgress | undefined {
  const { offset, data } = progress;
  const isBounded = data.length <= limits.livePieceBytes && offset + BigInt(data.length) <= BigInt(limits.liveOutputBytes);
  return isOfJob(hostId, progress) && isBounded ? progress : undefined;
}

function isOfJob(hostId: string, { jobId, targetId }: { readonly jobId: string; readonly targetId: string }): boolean {
  return isId(jobId, 'job') && (isId(targetId, 'node') || targetId === hostId);
}
