/** What stands for itself in the name of a folder, whatever the machine. */
const plain = /[A-Za-z0-9 _@+=,-]/;

/**
 * A folder's name for a node or a host, whatever that is called: no two of them share one, none leads elsewhere or hides.
 * What is not plain becomes %XX, byte by byte.
 */
export function folderName(name: string): string {
  const escaped = (character: string): string => [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  return [...name].map((character, index) => (plain.test(character) || (character === '.' && index > 0) ? character : escaped(character))).join('');
}
