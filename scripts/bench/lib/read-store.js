// A process that opens the file of a store and reads every host and node in it: what a coordinator cannot do without.
import { systemClock } from '../../../proto/dist/clock.js';
import { openSqliteStore } from '../../../coordinator/dist/store/sqlite/open.js';

const store = await openSqliteStore({ file: process.argv[2], clock: systemClock });
await store.read.hosts.find({});
await store.read.nodes.find({});
await store.close();
