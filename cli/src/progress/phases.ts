/** The phases of a node, in the order in which it goes through them. */
export const nodePhaseWords = [
  'pending', 'fetching', 'configuring', 'starting', 'ready', 'joining', 'running', 'draining', 'stopping', 'stopped', 'failed', 'unknown', 'gone',
] as const;
