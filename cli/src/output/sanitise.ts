/**
 * Makes remote text safe for a terminal: control characters (escape sequences, carriage returns,
 * C1) and the marks that turn the direction of writing are shown, not sent. Tabs stay.
 */
export function sanitise(text: string): string {
  return text.replace(dangerous, (character) => `\\x${character.codePointAt(0)!.toString(16).padStart(2, '0')}`);
}

/** The same for text of several lines, which stay lines. */
export function sanitiseLines(text: string): string {
  return text.split('\n').map((line) => sanitise(line.endsWith('\r') ? line.slice(0, -1) : line)).join('\n');
}

// Everything but tab and what can be printed.
const dangerous = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
