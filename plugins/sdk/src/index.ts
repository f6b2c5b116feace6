export type * from './bootstrap-strategy.js';
export type * from './host-services.js';
export type * from './provider.js';
