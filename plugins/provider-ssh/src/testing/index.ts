/** For tests against real sshd. */
export * from './sshd.js';
