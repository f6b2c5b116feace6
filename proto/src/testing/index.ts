export * from './hostile-archives.js';
export * from './tarball.js';
export { mountSmallDisk, type SmallDisk } from './small-disk.js';
