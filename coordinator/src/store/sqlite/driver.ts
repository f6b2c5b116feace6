import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

const [major = 0] = process.versions.node.split('.').map(Number);

/**
 * Version 12 does not live with Node 24.19 and later, whose object wraps end the process when a statement is collected; version
 * 13 is built on Node-API instead, brings its binaries, and wants Node 22. Both speak the same to us.
 */
export const Sqlite = createRequire(import.meta.url)(major >= 22 ? 'better-sqlite3-13' : 'better-sqlite3') as typeof BetterSqlite3;
