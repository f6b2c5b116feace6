import { DataPolicy, type NodeData } from '@wombat/proto/control';
import { flag } from '../options.js';
import { bytes } from '../output/words.js';
import type { Runtime } from '../runtime.js';
import { UsageError } from '../usage-error.js';
import { ask } from './confirm.js';

/** Of every command that takes nodes off their hosts. */
export const dataOptions = {
  keepData: flag('--keep-data', 'keep the data directories'),
  deleteData: flag('--delete-data', 'delete the data directories'),
};

/** Of those whose size is told. */
const shownNodes = 10;

/** "web-1: 12.3 MiB, web-2: unknown"; nothing when all directories are empty. */
export function heldText(data: readonly NodeData[]): string {
  const held = data.filter(({ empty }) => !empty);
  const shown = held.slice(0, shownNodes).map((each) => `${each.nodeName}: ${sizeOf(each)}`);
  return [...shown, ...(held.length > shownNodes ? [`${held.length - shownNodes} more`] : [])].join(', ');
}

function sizeOf({ sizeBytes, atLeast }: NodeData): string {
  if (sizeBytes === undefined) return 'unknown, its host cannot be asked';
  return `${atLeast ? 'at least ' : ''}${bytes(sizeBytes)}`;
}

/** Unspecified when there is none, or nobody can be asked: then the coordinator refuses where a word is needed. */
export async function askForData(runtime: Runtime, held: string): Promise<DataPolicy> {
  if (held === '') return DataPolicy.UNSPECIFIED;
  const answer = await ask(runtime, `data of ${held}; keep or delete? [keep/delete] `);
  if (answer === undefined) return DataPolicy.UNSPECIFIED;
  const word = answer.trim().toLowerCase();
  if (word !== '' && 'keep'.startsWith(word)) return DataPolicy.KEEP;
  if (word !== '' && 'delete'.startsWith(word)) return DataPolicy.DELETE;
  throw new UsageError('the answer is neither keep nor delete');
}
