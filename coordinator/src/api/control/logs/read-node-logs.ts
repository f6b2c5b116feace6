import { groupBy, limits, WombatError } from '@wombat/proto';
import type { ReadNodeLogsRequest, ReadNodeLogsResponse } from '@wombat/proto/control';
import { alsoGone } from '../meant-nodes.js';
import { Confluence } from './confluence.js';
import { followHost } from './follow-host.js';
import { inOrder } from './in-order.js';
import { answersTo } from './log-answers.js';
import { inFrames, openLogs, type LogQuery, type Positions } from './log-channel.js';
import { hostProblem, logNode, logProblem, logTargets, type LogTarget, type LogTools } from './log-target.js';

const defaultTailLines = 100;
/** Hosts that are asked while another is read. */
const nodesAhead = 8;
/** How soon a node that joins a followed family is noticed. */
const joinedEveryMs = 2_000;

/** @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS, WO_INVALID_ARGUMENT before anything is read */
export async function* readNodeLogs(tools: LogTools, request: ReadNodeLogsRequest, caller: AbortSignal): AsyncGenerator<ReadNodeLogsResponse> {
  const query = queryOf(request);
  const positions = positionsOf(request);
  const targets = await logTargets(tools, request.nodes);
  const left = new AbortController();
  const signal = AbortSignal.any([caller, left.signal]);
  try {
    for (const target of targets) yield introduced(target);
    if (request.follow) yield* follow(tools, request, targets, query, positions, signal);
    else yield* inOrder(targets.map((target) => () => readOnce(tools, target, query, positions, signal)), nodesAhead);
  } finally {
    left.abort(new WombatError('WO_CANCELLED', 'the caller has enough'));
  }
}

async function* readOnce(tools: LogTools, target: LogTarget, query: LogQuery, positions: Positions, signal: AbortSignal): AsyncGenerator<ReadNodeLogsResponse> {
  const problem = hostProblem(target, tools);
  if (problem) return yield { kind: { $case: 'problem', value: logProblem(target, problem) } };
  try {
    for await (const message of openLogs(tools, [target], query, positions, signal)) yield* answersTo(message);
  } catch (error) {
    signal.throwIfAborted();
    yield { kind: { $case: 'problem', value: logProblem(target, hostProblem(target, tools) ?? WombatError.from(error)) } };
  }
}

async function* follow(tools: LogTools, request: ReadNodeLogsRequest, targets: readonly LogTarget[], query: LogQuery, positions: Positions, signal: AbortSignal): AsyncGenerator<ReadNodeLogsResponse> {
  const all = new Confluence<ReadNodeLogsResponse>();
  for (const part of byHost(targets, positions)) all.add(followHost(tools, part, query, positions, signal));
  const named = new Set(targets.map(({ node }) => node.id));
  if (request.nodes.some((reference) => !targets.some(({ node }) => node.id === reference || node.name === reference))) {
    all.add(joining(tools, request.nodes, named, (target) => all.add(followHost(tools, [target], fromOldest(query), positions, signal)), signal));
  }
  yield* all.read();
}

/** Nodes that join the families that are followed. Never ends. */
async function* joining(tools: LogTools, references: readonly string[], named: Set<string>, take: (target: LogTarget) => void, signal: AbortSignal): AsyncGenerator<ReadNodeLogsResponse> {
  for (;;) {
    await tools.clock.sleep(joinedEveryMs, signal);
    // A family may have been removed meanwhile.
    const nodes = await alsoGone(tools.store.read, references).catch(() => []);
    for (const node of nodes) {
      if (named.has(node.id) || node.hostId === '' || named.size >= limits.logNodes) continue;
      named.add(node.id);
      const target = { node, host: await tools.store.read.hosts.get(node.hostId) };
      yield introduced(target);
      take(target);
    }
  }
}

function introduced(target: LogTarget): ReadNodeLogsResponse {
  return { kind: { $case: 'node', value: logNode(target) } };
}

function byHost(targets: readonly LogTarget[], positions: Positions): LogTarget[][] {
  const hosts = groupBy(targets, ({ node }) => node.hostId);
  return [...hosts.values()].flatMap((part) => inFrames(part, positions));
}

/** All that a node has written since it came is new. */
function fromOldest(query: LogQuery): LogQuery {
  return { ...query, start: undefined };
}

function queryOf({ selection, start, filter, follow }: ReadNodeLogsRequest): LogQuery {
  if (filter && filter.text.length > limits.logFilterCharacters) {
    throw new WombatError('WO_INVALID_ARGUMENT', `a filter has ${limits.logFilterCharacters} characters at most`);
  }
  if (filter?.text.includes('\n')) throw new WombatError('WO_INVALID_ARGUMENT', 'a filter is looked for in one line: it has no line break');
  if (selection && (selection.files.length > limits.logFiles || selection.files.some((glob) => glob.length > limits.logFilterCharacters))) {
    throw new WombatError('WO_INVALID_ARGUMENT', `at most ${limits.logFiles} globs of ${limits.logFilterCharacters} characters say which files are meant`);
  }
  const isEmpty = !selection || (!selection.stdout && !selection.stderr && selection.files.length === 0);
  return {
    selection: isEmpty ? { stdout: true, stderr: true, files: [] } : selection,
    start: start ?? { since: undefined, tailLines: defaultTailLines },
    filter, follow, listOnly: false,
  };
}

function positionsOf({ positions }: ReadNodeLogsRequest): Positions {
  const known: Positions = new Map();
  for (const { nodeId, position } of positions) {
    if (!position) continue;
    if (position.offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new WombatError('WO_INVALID_ARGUMENT', `no log is as long as ${position.offset} bytes`);
    known.set(nodeId, (known.get(nodeId) ?? new Map<string, bigint>()).set(position.log, position.offset));
  }
  return known;
}
