const names = ['Provider', 'Release', 'Family', 'Node', 'Host', 'Operation', 'Operator', 'Event', 'Job', 'File', 'Console', 'Token', 'Stray', 'System'];

/** Full names of the services that operators call. */
export const serviceNames: readonly string[] = names.map((name) => `wombat.control.v1.${name}Service`);
