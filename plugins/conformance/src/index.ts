/** The checks that every provider's plugin passes. */
export type * from './check.js';
export * from './conforms.js';
export { checks } from './checks/index.js';
export type * from './options.js';
export * from './provider-conformance.js';
export * from './table.js';
