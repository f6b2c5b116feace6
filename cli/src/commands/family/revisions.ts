import { FamilyRevision, FamilyServiceService, ListFamilyRevisionsRequest } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';

export const familyRevisions = defineCommand({
  description: [
    'Each change of a family is a generation of its own; the newest is what it says now. The last few are kept, and those that nodes run, for',
    '`wo family update FAMILY --rollback`. Of secrets, the names are told.',
  ].join('\n'),
  examples: [
    { command: 'wo family revisions shop', explanation: 'what changed when, and who runs what' },
    { command: 'wo family update shop --rollback --to 4', explanation: 'go back to one of them' },
  ],
  arguments: { family: object('family') },
  options: {},
  async run(runtime, { family }) {
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.listFamilyRevisions, ListFamilyRevisionsRequest.fromPartial({ family }));
    await runtime.print.list({
      items: answer.revisions, columns: columns(runtime.clock.now()), key: 'revisions', toJson: FamilyRevision.toJSON,
      id: ({ generation }) => String(generation), name: ({ generation }) => String(generation), nothing: 'no revisions',
    });
  },
});

function columns(nowMs: number): Column<FamilyRevision & { metadata?: undefined }>[] {
  return [
    { title: 'GENERATION', text: ({ generation, current }) => `${generation}${current ? ' (now)' : ''}` },
    { title: 'RELEASE', text: ({ releaseTitle }) => releaseTitle || 'none', cut: true },
    { title: 'NODES', text: nodesOf, cut: true },
    { title: 'CHANGED', text: ({ changes, backTo }) => [...(backTo ? [`back to ${backTo}`] : []), ...changes].join(', '), cut: true },
    { title: 'BY', text: ({ principal }) => principal, optional: 1 },
    { title: 'WHEN', text: ({ createdAt }) => relative(createdAt, nowMs), optional: 2 },
  ];
}

function nodesOf({ nodeCount, nodes }: FamilyRevision): string {
  if (nodeCount === 0) return '';
  return nodeCount > nodes.length ? `${nodes.join(' ')} and ${nodeCount - nodes.length} more` : nodes.join(' ');
}
