/** For whoever runs the programs of plugins: the coordinator, and the conformance kit. */
export { readInputs, readLeave, readMemberNames, readSteps } from './plan-reader.js';
export { inheritedEnvironment, ProgramSession, type SessionOptions, type SessionTimes } from './program-session.js';
