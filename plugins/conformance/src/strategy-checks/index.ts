import { gracefulStop } from '../checks/graceful-stop.js';
import { strategyHandshake } from '../checks/handshake.js';
import { runByHand } from '../checks/run-by-hand.js';
import { deterministic } from './deterministic.js';
import { futureFields } from './future-fields.js';
import { inputs } from './inputs.js';
import { joinResumed } from './join-resumed.js';
import { joinTwice } from './join-twice.js';
import { leave } from './leave.js';
import { memory } from './memory.js';
import { noIo } from './no-io.js';
import { noSecrets } from './no-secrets.js';
import { options } from './options.js';
import { quiet } from './quiet.js';
import { staysConnected } from './stays-connected.js';
import { steps } from './steps.js';
import { strangeOutput } from './strange-output.js';
import type { StrategyCheck } from './strategy-check.js';

/** Names of those that cost little: for tests that run with every change. */
export const quickStrategyChecks: readonly string[] = [
  strategyHandshake, options, noSecrets, inputs, steps, deterministic, strangeOutput, futureFields, joinTwice, joinResumed, leave, staysConnected, noIo,
].map(({ name }) => name);

/** In the order in which they are run. */
export const strategyChecks: readonly StrategyCheck[] = [
  strategyHandshake, runByHand, options, noSecrets, inputs, steps, deterministic, strangeOutput, futureFields, joinTwice, joinResumed, leave, staysConnected,
  quiet, memory, noIo, gracefulStop,
];
