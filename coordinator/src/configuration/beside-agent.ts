import { fileURLToPath } from 'node:url';

/** A file of the agent that comes with this coordinator: in the checkout and among installed packages alike, they lie side by side. */
export function besideAgent(file: string): string {
  return fileURLToPath(new URL(`../../../agent/${file}`, import.meta.url));
}
