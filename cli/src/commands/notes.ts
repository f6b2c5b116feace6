import { NoteLevel, type Note } from '@wombat/proto/plugin';
import { sanitise } from '../output/sanitise.js';
import type { Runtime } from '../runtime.js';

/** What a plugin says about its settings goes to stderr, warnings also with -q. */
export function tellNotes(runtime: Runtime, notes: readonly Note[]): void {
  const { print } = runtime;
  for (const note of notes) {
    const text = sanitise(note.field ? `${note.field}: ${note.message}` : note.message);
    if (note.level === NoteLevel.INFO || note.level === NoteLevel.UNSPECIFIED) print.tell(`note: ${text}`);
    else print.warn(`${note.level === NoteLevel.ERROR ? print.err.red('error:') : print.err.yellow('warning:')} ${text}`);
  }
}
