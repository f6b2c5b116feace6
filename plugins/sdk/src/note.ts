import { NoteLevel, type Note } from '@wombat/proto/plugin';

/** Builds notes; leave the field empty when the note is about several settings. */
export const note = {
  info: (field: string, message: string): Note => ({ level: NoteLevel.INFO, field, message }),
  warning: (field: string, message: string): Note => ({ level: NoteLevel.WARNING, field, message }),
  error: (field: string, message: string): Note => ({ level: NoteLevel.ERROR, field, message }),
} as const;

export function hasErrors(notes: readonly Note[]): boolean {
  return notes.some(({ level }) => level === NoteLevel.ERROR);
}

/** "region: is required; size: expected number", for messages. */
export function describeNotes(notes: readonly Note[]): string {
  return notes.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ');
}
