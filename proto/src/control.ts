/** wombat/control/v1: what operators ask the coordinator for. */
import './json-duration.js';

export * from './gen/wombat/control/v1/common.js';
export * from './gen/wombat/control/v1/console.js';
export * from './gen/wombat/control/v1/event.js';
export * from './gen/wombat/control/v1/family.js';
export * from './gen/wombat/control/v1/file.js';
export * from './gen/wombat/control/v1/host.js';
export * from './gen/wombat/control/v1/job.js';
export * from './gen/wombat/control/v1/node.js';
export * from './gen/wombat/control/v1/operation.js';
export * from './gen/wombat/control/v1/operator.js';
export * from './gen/wombat/control/v1/provider.js';
export * from './gen/wombat/control/v1/release.js';
export * from './gen/wombat/control/v1/stray.js';
export * from './gen/wombat/control/v1/system.js';
export * from './gen/wombat/control/v1/token.js';
