/** For tests against a real OpenStack. */
export * from './live-openstack.js';
export * from './live-stage.js';
