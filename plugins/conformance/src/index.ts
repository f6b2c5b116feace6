/** The checks that every plugin passes: providers, and bootstrap strategies. */
export type * from './check.js';
export * from './conforms.js';
export { checks } from './checks/index.js';
export type * from './nodes/nodes.js';
export { ErlangNodes, hasErlang } from './nodes/erlang-nodes.js';
export { ScriptNodes } from './nodes/script-nodes.js';
export type * from './options.js';
export * from './provider-conformance.js';
export type { ConformanceReport } from './run/run-checks.js';
export { quickStrategyChecks, strategyChecks } from './strategy-checks/index.js';
export * from './strategy-conformance.js';
export type * from './strategy-options.js';
export * from './table.js';
