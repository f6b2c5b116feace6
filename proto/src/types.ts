/** wombat/type/v1: words that every contract shares. */
import './json-duration.js';

export * from './gen/google/protobuf/duration.js';
export * from './gen/wombat/type/v1/attribute.js';
export * from './gen/wombat/type/v1/command.js';
export * from './gen/wombat/type/v1/file.js';
export * from './gen/wombat/type/v1/error.js';
export * from './gen/wombat/type/v1/log.js';
export * from './gen/wombat/type/v1/platform.js';
export * from './gen/wombat/type/v1/terminal.js';
