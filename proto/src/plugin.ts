/** wombat/plugin/v1: what the coordinator and its plugins say to each other. */
import './json-duration.js';

export * from './gen/wombat/plugin/v1/bootstrap.js';
export * from './gen/wombat/plugin/v1/host_services.js';
export * from './gen/wombat/plugin/v1/plugin.js';
export * from './gen/wombat/plugin/v1/provider.js';
export * from './plugin-handshake.js';
