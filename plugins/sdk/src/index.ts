/** Everything that a provider or bootstrap-strategy plugin is written with. */
export * from './api-versions.js';
export type * from './bootstrap-strategy.js';
export * from './build.js';
export * from './contract.js';
export * from './define-bootstrap-strategy.js';
export * from './define-provider.js';
export type * from './host-services.js';
export { nearest } from '@wombat/proto';
export * from './note.js';
export { pluginNamePattern } from './plugin-identity.js';
export * from './provider-error.js';
export type * from './provider.js';
export type { JsonObject } from './settings.js';
export * from './words.js';
export * as z from './z.js';
