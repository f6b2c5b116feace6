import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConformanceOptions } from '../options.js';

const server = fileURLToPath(new URL('./serve-module.js', import.meta.url));

/**
 * argv of the plugin's program. It is started in a directory of its own, so words that are paths become absolute.
 *
 * @throws Error when neither or both of command and plugin are given
 */
export function commandOf({ command, plugin }: Pick<ConformanceOptions, 'command' | 'plugin'>): readonly string[] {
  if ((command === undefined) === (plugin === undefined)) throw new Error('either a command or a module of a plugin must be given');
  if (plugin !== undefined) return [process.execPath, server, resolve(pathOf(plugin))];
  if (command!.length === 0) throw new Error('the command is empty');
  return command!.map((word) => (/[./]/.test(word) && existsSync(word) ? resolve(word) : word));
}

function pathOf(plugin: string | URL): string {
  return plugin instanceof URL || plugin.startsWith('file:') ? fileURLToPath(plugin) : plugin;
}
