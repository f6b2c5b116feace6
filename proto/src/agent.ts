/** wombat/agent/v1: what agents and the coordinator say to each other. */
import './json-duration.js';

export * from './gen/wombat/agent/v1/artifact.js';
export * from './gen/wombat/agent/v1/assignment.js';
export * from './gen/wombat/agent/v1/enrolment.js';
export * from './gen/wombat/agent/v1/exec.js';
export * from './gen/wombat/agent/v1/facts.js';
export * from './gen/wombat/agent/v1/session.js';
