import { WombatError } from '@wombat/proto';
import type { Expression } from '../../domain/expression/expression.js';
import { parseExpression } from '../../domain/expression/parse.js';
import { printExpression } from '../../domain/expression/print.js';
import { targetVocabulary } from '../../domain/expression/target-vocabulary.js';
import { sampleTargets } from '../../domain/jobs/sample-targets.js';
import type { Lanes, Sample, TargetKind } from '../../domain/model/job.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { lookUp } from '../find-object.js';
import { hintWithNearest } from '../nearest-name.js';
import type { CommandsByRelease } from './commands-by-release.js';
import { theseInTurns } from './in-turns.js';
import { hostRef, nodeRef, type JobTargetRef } from './job-target-ref.js';
import { matchExpression } from './match-expression.js';
import type { SourceReader } from './target-sources.js';

export interface Asked {
  /** The id or name of a family, a node or a host; else an expression. */
  readonly expression: string;
  /** @default nodes, or the host that was named */
  readonly on?: TargetKind;
  readonly sample?: Sample;
}

export interface Resolution {
  /** What was given where that is an id or a name, else the expression as it was understood. */
  readonly text: string;
  readonly targets: readonly JobTargetRef[];
  /** How they were chosen. */
  readonly sample?: Sample & { readonly of: number };
  /** Target id -> its values, where the job has limits for each of them. */
  readonly lanes?: ReadonlyMap<string, Lanes>;
  /** Where they are asked for a command of their releases. */
  readonly commands?: CommandsByRelease;
}

/**
 * The targets that are meant, as they are at this moment; none where an expression holds for none. May take a while,
 * so not to be called within a transaction.
 * @throws WombatError WO_NOT_FOUND, also when a family has no nodes; WO_AMBIGUOUS, WO_EXPRESSION_INVALID
 */
export async function resolveTargets(read: SourceReader, asked: Asked): Promise<Resolution> {
  const meant = await meantTargets(read, asked);
  const { sample } = asked;
  return sample ? { text: meant.text, targets: sampleTargets(meant.targets, sample), sample: { ...sample, of: meant.targets.length } } : meant;
}

async function meantTargets(read: SourceReader, { expression: text, on }: Asked): Promise<Resolution> {
  const named = await namedTargets(read, text);
  if (named) return { text, targets: on === 'hosts' ? await hostsOf(read, named) : named };
  const expression = await parsed(read, text);
  return { text: printExpression(expression), targets: await matchExpression(read, expression, on ?? 'nodes') };
}

/** @throws WombatError WO_NO_TARGETS where there is none */
export async function requireTargets(read: SourceReader, asked: Asked): Promise<Resolution> {
  const resolution = await resolveTargets(read, asked);
  if (resolution.targets.length > 0) return resolution;
  const what = asked.on === 'hosts' ? 'no host' : 'no node';
  throw new WombatError('WO_NO_TARGETS', `${resolution.text} holds for ${what}`, { hint: await emptyHint(read, asked) });
}

/** Every node of a family, one node, or one host itself; undefined where nothing is called so. */
async function namedTargets(read: SourceReader, text: string): Promise<readonly JobTargetRef[] | undefined> {
  const family = await lookUp(read, 'families', text);
  if (family) {
    const targets = (await read.nodes.heads({ familyId: family.id, phase: presentPhases })).map(nodeRef);
    if (targets.length === 0) throw new WombatError('WO_NOT_FOUND', `family ${family.name} has no nodes`, { hint: `deploy some: wo deploy-nodes ${family.id} --amount N` });
    return targets;
  }
  const node = await lookUp(read, 'nodes', text);
  if (node && node.phase !== 'gone') return [nodeRef(node)];
  const host = await lookUp(read, 'hosts', text);
  return host && host.phase !== 'gone' ? [hostRef(host)] : undefined;
}

async function hostsOf(read: SourceReader, targets: readonly JobTargetRef[]): Promise<readonly JobTargetRef[]> {
  const found: JobTargetRef[] = [];
  for await (const hosts of theseInTurns(read.hosts, [...new Set(targets.map(({ hostId }) => hostId))])) found.push(...hosts.map(hostRef));
  return found;
}

/** What stands in an expression, and hardly in a name. */
const testing = /[=<>~]|\b(has|in|matches|not|all)\b/;

async function parsed(read: SourceReader, text: string): Promise<Expression> {
  if (testing.test(text)) return parseExpression(text, targetVocabulary);
  throw new WombatError('WO_NOT_FOUND', `nothing is called ${JSON.stringify(text.slice(0, 80))}: no family, node or host`, {
    hint: await hintWithNearest(read, ['families', 'nodes', 'hosts'], text, 'see what there is: wo status'),
  });
}

/** The parts looked at to say which of them holds for none. */
const partsLookedAt = 8;

async function emptyHint(read: SourceReader, { expression: text, on = 'nodes' }: Asked): Promise<string> {
  const expression = parseExpression(text, targetVocabulary);
  for (const part of expression.kind === 'and' ? expression.of.slice(0, partsLookedAt) : []) {
    if ((await matchExpression(read, part, on)).length === 0) return `${printExpression(part)} alone holds for none; see what there is: wo ${on === 'hosts' ? 'host' : 'node'} list`;
  }
  return `see what there is: wo ${on === 'hosts' ? 'host' : 'node'} list -o wide`;
}
