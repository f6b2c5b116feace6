import { NoteLevel, type Note } from '@wombat/plugin-sdk';
import { z } from 'zod';
import { oneLine } from './one-line.js';

const notes = z.array(z.object({ level: z.number(), field: z.string(), message: z.string() })).max(256);

/**
 * What a plugin remarks, made fit to be shown. A level that nobody knows counts as an error.
 *
 * @throws ZodError when it is no list of notes
 */
export function readNotes(value: unknown): readonly Note[] {
  return notes.parse(value).map(({ level, field, message }) => ({
    level: level in NoteLevel && level > NoteLevel.UNSPECIFIED ? (level as NoteLevel) : NoteLevel.ERROR,
    field: oneLine(field, 128),
    message: oneLine(message, 500),
  }));
}
