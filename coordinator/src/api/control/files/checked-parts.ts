import { relativeParts, WombatError } from '@wombat/proto';
import type { ChannelData } from '@wombat/proto/agent';
import { FilePart } from '@wombat/proto/types';

/** What one target may send. */
export interface PartBounds {
  readonly mostBytes: number;
  readonly mostFiles: number;
}

/**
 * What an agent sends of files, as far as it makes sense: each file begins, has its data and ends, with a path that
 * leads downwards, and all of them together keep to the bounds.
 * @throws WombatError WO_INTERNAL for anything else
 */
export async function* checkedParts(messages: AsyncIterable<ChannelData>, bounds: PartBounds): AsyncGenerator<FilePart> {
  let [bytes, files, isOpen, isOver] = [0, 0, false, false];
  for await (const { data } of messages) {
    const part = decoded(data);
    const { kind } = part;
    if (isOver) throw senseless('it went on after the end');
    if (kind?.$case === 'begun') {
      files += 1;
      if (isOpen || !relativeParts(kind.value.path) || kind.value.mode > 0o777) throw senseless('a file that cannot be');
      isOpen = true;
    } else if (kind?.$case === 'leftOut') {
      if (isOpen) throw senseless('a file has no end');
      isOver = true;
    } else {
      if (!isOpen || !kind) throw senseless('bytes of no file');
      if (kind.$case === 'data') bytes += kind.value.length;
      else isOpen = false;
    }
    if (bytes > bounds.mostBytes || files > bounds.mostFiles) throw senseless('more than was asked for');
    yield part;
  }
  if (!isOver) throw senseless('it ended too early');
}

function decoded(data: Uint8Array): FilePart {
  try {
    return FilePart.decode(data);
  } catch {
    throw senseless('it cannot be read');
  }
}

function senseless(what: string): WombatError {
  return new WombatError('WO_INTERNAL', `the agent sent files as none would: ${what}`);
}
