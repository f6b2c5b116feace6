/** The address of "address:port": the port changes with each connection, so limits go by the address alone. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
