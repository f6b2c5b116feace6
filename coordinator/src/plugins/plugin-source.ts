import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';

const packageName = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;

const conditions = z.union([z.string(), z.object({ import: z.string(), default: z.string(), node: z.string() }).partial()]);
const packageFile = z.object({
  main: z.string().optional(),
  exports: z.union([z.string(), z.object({ '.': conditions }).partial()]).optional(),
});

/**
 * Where a plugin's module lies. A source that begins with `.` or `/` is a folder or a module file,
 * relative to `baseDirectory`; all else is the name of an installed package.
 *
 * @throws Error that says what is not there
 */
export function locatePlugin(source: string, baseDirectory: string): URL {
  if (source.startsWith('.') || source.startsWith('/')) return locatePath(resolve(baseDirectory, source));
  if (!packageName.test(source)) throw new Error('is neither a folder (./NAME or an absolute path) nor the name of a package');
  const folder = installedFolder(source, baseDirectory) ?? installedFolder(source, dirname(fileURLToPath(import.meta.url)));
  if (folder === undefined) throw new Error(`no package of this name is installed for ${baseDirectory}`);
  return locatePath(folder);
}

/** As Node looks for packages: in `node_modules` of the directory and of all above it. */
function installedFolder(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const folder = join(directory, 'node_modules', name);
    if (existsSync(folder)) return folder;
    if (directory === dirname(directory)) return undefined;
  }
}

function locatePath(path: string): URL {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new Error(`${path} does not exist`);
  const file = found.isDirectory() ? resolve(path, entryFile(path)) : path;
  if (!existsSync(file)) throw new Error(`${file} does not exist; was the plugin built?`);
  return pathToFileURL(file);
}

function entryFile(folder: string): string {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return 'index.js';
  const { exports: exported, main } = packageFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  const root = typeof exported === 'string' ? exported : exported?.['.'];
  const entry = typeof root === 'string' ? root : (root?.import ?? root?.node ?? root?.default);
  return entry ?? main ?? 'index.js';
}
