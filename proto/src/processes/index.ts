/** Processes of this machine, for whoever keeps a directory to itself or has to know a process again. */
export * from './process-lock.js';
export * from './process-stat.js';
