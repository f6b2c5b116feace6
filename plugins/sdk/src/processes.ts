/** For drivers that start processes of this machine, and have to know them again. */
export { identifyProcess, isAlive, type ProcessIdentity } from '@wombat/proto/processes';
