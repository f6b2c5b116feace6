// A process that is nothing but the coordinator's side of an agent's wire. Prints its address and a join token.
import { StandInCoordinator } from '../../../agent/dist/testing/stand-in-coordinator.js';

const standIn = await StandInCoordinator.start();
console.log(JSON.stringify({ port: standIn.address.port, token: standIn.joinToken() }));
process.on('SIGTERM', () => process.exit(0));
