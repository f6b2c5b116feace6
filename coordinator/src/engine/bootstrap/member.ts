import type { Member } from '@wombat/proto/plugin';
import type { Node } from '../../domain/model/node.js';

/** A node as a strategy sees it. */
export function memberOf(node: Node): Member {
  return {
    nodeId: node.id,
    name: node.name,
    address: node.address,
    erlangName: node.erlangName,
    ports: Object.fromEntries(node.ports.map((port) => [port.name, port.number])),
  };
}
