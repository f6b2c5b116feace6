import { JobServiceService, MatchedTarget, MatchSummary, MatchTargetsRequest } from '@wombat/proto/control';
import { defineCommand, required } from '../command.js';
import { byName } from '../output/by-name.js';
import { sanitise } from '../output/sanitise.js';
import type { Column } from '../output/table.js';
import { count } from '../output/words.js';
import type { Runtime } from '../runtime.js';
import { onOption, sampleOf, sampleOptions, targetKindOf } from './common.js';

export const match = defineCommand({
  description: [
    'What a command would be sent to: nodes of a family, one node, a host, or all for which an expression holds. Nothing is sent.',
    'How expressions are written, and what they can ask: docs/reference/expressions.md.',
  ].join('\n'),
  examples: [
    { command: "wo match 'family = riak and zone = eu-1'", explanation: 'the nodes, and how many of each family and phase' },
    { command: "wo match 'host.memory < 8GiB' --on hosts -o name", explanation: 'names of hosts, one a line' },
  ],
  arguments: { expression: required('id or name of a family, a node or a host, or an expression', { completes: ['family', 'node', 'host'] }) },
  options: { ...onOption, ...sampleOptions },
  async run(runtime, { expression }, { on, ...sampling }) {
    const { targets, summary } = await matched(runtime, MatchTargetsRequest.fromPartial({ expression, on: targetKindOf(on), ...sampleOf(sampling) }));
    const { print } = runtime;
    if (print.format === 'json' || print.format === 'yaml') {
      return print.json({ targets: targets.map((target) => MatchedTarget.toJSON(target)), summary: MatchSummary.toJSON(summary) });
    }
    const kind = on === 'hosts' ? 'host' : 'node';
    await print.list({
      items: byName(targets.map((target) => ({ target, metadata: target }))), columns, key: 'targets', toJson: ({ target }) => MatchedTarget.toJSON(target),
      nothing: `it holds for no ${kind}: a command would be refused`,
    });
    if (targets.length > 0 && print.format !== 'jsonl') print.tell(summaryOf(summary));
  },
});

async function matched(runtime: Runtime, request: MatchTargetsRequest): Promise<{ targets: MatchedTarget[]; summary: MatchSummary }> {
  const control = await runtime.control();
  const targets: MatchedTarget[] = [];
  let summary = MatchSummary.fromPartial({});
  for await (const { kind } of control.stream(JobServiceService.matchTargets, request)) {
    if (kind?.$case === 'targets') targets.push(...kind.value.targets);
    if (kind?.$case === 'summary') summary = kind.value;
  }
  return { targets, summary };
}

const columns: readonly Column<{ readonly target: MatchedTarget }>[] = [
  { title: 'NAME', text: ({ target }) => target.name, cut: true },
  { title: 'FAMILY', text: ({ target }) => target.familyName || target.familyId, cut: true },
  { title: 'PHASE', text: ({ target }) => target.phase },
  { title: 'HOST', text: ({ target }) => target.hostName || target.hostId, cut: true },
  { title: 'ID', text: ({ target }) => target.id, optional: 1 },
];

/** "12 targets: riak 10, web 2; running 11, stopped 1; 1 would be skipped" */
function summaryOf({ targetCount, families, phases, skippedCount }: MatchSummary): string {
  const skipped = skippedCount > 0 ? [`${skippedCount} would be skipped`] : [];
  return sanitise(`${count(targetCount, 'target')}: ${[countsText(families), countsText(phases), ...skipped].filter(Boolean).join('; ')}`);
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).sort(([, left], [, right]) => right - left).map(([word, amount]) => `${word} ${amount}`).join(', ');
}
