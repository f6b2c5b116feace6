export * from './hostile-archives.js';
export * from './tarball.js';
