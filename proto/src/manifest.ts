/** wombat.release.yaml: one schema, from which the published one and the reference page are made. */
export * from './manifest/manifest-reference.js';
export * from './manifest/manifest-schema.js';
