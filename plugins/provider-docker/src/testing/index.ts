/** For tests with a real Docker Engine. */
export * from './docker-engine.js';
export * from './shell-image.js';
