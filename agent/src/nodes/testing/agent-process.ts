import { Assignments } from '@wombat/proto/agent';
import { pino } from 'pino';
import { noArtifacts } from '../../testing/no-artifacts.js';
import { AgentCore } from '../agent-core.js';
import { CopyingReleases } from './copying-releases.js';

/** An agent in a process of its own, to be killed: DIRECTORY HOST-ID TREE ASSIGNMENTS(base64). */
const [directory = '', hostId = '', tree = '', assignments = ''] = process.argv.slice(2);
const core = new AgentCore({ directory, hostId, bootId: 'boot', releases: new CopyingReleases(tree), artifacts: noArtifacts, log: pino({ level: 'silent' }), epmd: { directory, addresses: [] } });
setInterval(() => undefined, 1_000);
await core.start();
process.stdout.write('started\n');
await core.assignments(Assignments.decode(Buffer.from(assignments, 'base64')));
