import type { EventFilter } from '@wombat/proto/control';
import { text } from '../../options.js';

/** Options that say which events are meant; ids, names or beginnings of ids, as the coordinator resolves them. */
export const eventFilterOptions = {
  family: text('--family <family>', 'of this family', 'family'),
  node: text('--node <node>', 'of this node', 'node'),
  host: text('--host <host>', 'of this host', 'host'),
  operation: text('--operation <operation>', 'of this operation', 'operation'),
  type: text('--type <type>', 'whose type begins so, as in node. or operation.finished'),
};

export function eventFilter(options: { family: string | undefined; node: string | undefined; host: string | undefined; operation: string | undefined; type: string | undefined }): EventFilter {
  const { family = '', node = '', host = '', operation = '', type = '' } = options;
  return { family, node, host, operation, typePrefix: type };
}
