import { compose } from '../../../../agent/dist/compose.js';
import { readCommandLine } from '../../../../agent/dist/configuration/configuration.js';
import { openLog } from '../../../../agent/dist/configuration/log.js';
import { agentProgram } from '../checkout.js';

/** The agent as it is, but that it comes back at once: for tests that end hundreds of its sessions. Flags as of the agent. */
const commandLine = readCommandLine(process.argv.slice(2), {});
if (commandLine.kind !== 'run') throw new Error('the flags of an agent that runs are needed');
const { configuration } = commandLine;
const log = openLog(configuration.logLevel, configuration.logFile);
const backoff = { initialMs: 1, maximumMs: 20 };
await compose({ configuration, log, bootId: 'boot', program: [process.execPath, agentProgram], backoff }).run(new AbortController().signal);
