import { checks } from './checks/index.js';
import { strategyChecks } from './strategy-checks/index.js';

/** docs/reference/conformance.md */
export function checksReference(): string {
  return `# What plugins promise

<!-- Generated from plugins/conformance/src/checks and strategy-checks: node scripts/docs/conformance.js -->

\`wombat-conformance ... -- COMMAND...\` starts the program of a plugin as the coordinator does, and checks each of these. How the command and the functions
for tests are used is told [beside them](../../plugins/conformance/README.md).

## A provider

How one is written is told in [a guide](../guides/write-a-provider.md).

${table(checks)}

A check is skipped when it says nothing about the plugin: an ability that it does not flag, a failure that nobody gave a way to provoke.

## A bootstrap strategy

How one is written is told in [a guide](../guides/write-a-strategy.md). The checks from \`join-twice\` to \`stays-connected\` run its steps on real nodes: Erlang nodes on this machine,
or those that a test gives. Everything else is judged by what it answers.

${table(strategyChecks)}

Checks that run steps are skipped when the strategy forms no cluster, when its steps run commands and nobody gave nodes that have them, or without Erlang.
`;
}

function table(promises: readonly { readonly name: string; readonly promise: string; readonly advice: string }[]): string {
  const rows = promises.map(({ name, promise, advice }) => `| \`${name}\` | ${promise} | ${advice} |`);
  return `| check | the plugin … | when it fails |\n|---|---|---|\n${rows.join('\n')}`;
}
