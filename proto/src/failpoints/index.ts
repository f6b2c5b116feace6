export * from './failpoint.js';
export * from './names.js';
export * from './parse-failpoints.js';
