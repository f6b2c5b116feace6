/** For tests against an EC2 server. */
export * from './fault-relay.js';
export * from './moto.js';
export * from './view.js';
