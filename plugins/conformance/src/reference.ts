import { checks } from './checks/index.js';

/** docs/reference/conformance.md */
export function checksReference(): string {
  const rows = checks.map(({ name, promise, advice }) => `| \`${name}\` | ${promise} | ${advice} |`);
  return `# What a provider's plugin promises

<!-- Generated from plugins/conformance/src/checks: node scripts/docs/conformance.js -->

\`wombat-conformance --set KEY=VALUE ... -- COMMAND...\` starts the program of a plugin as the coordinator does, and checks each of these. How the command and the function
for tests are used is told [beside them](../../plugins/conformance/README.md); how a plugin is written, in [a guide](../guides/write-a-provider.md).

| check | the plugin … | when it fails |
|---|---|---|
${rows.join('\n')}

A check is skipped when it says nothing about the plugin: an ability that it does not flag, a failure that nobody gave a way to provoke.
`;
}
