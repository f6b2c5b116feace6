import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const template = join(here, 'template');

/** What a driver may be called; the SDK has the same rule. */
const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

export interface CreateOptions {
  readonly directory: string;
  /** Of the driver. @default the directory's, without what usually stands before */
  readonly name?: string;
}

/**
 * Makes the directory of a new plugin.
 *
 * @throws Error when the name is none for a driver, or the directory holds something
 */
export async function create({ directory, name = defaultName(directory) }: CreateOptions): Promise<{ readonly name: string }> {
  if (!namePattern.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a driver: lower-case letters, digits and dashes; give one with --name`);
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new Error(`${directory} is not empty`);
  await cp(template, directory, { recursive: true });
  await rename(join(directory, 'gitignore'), join(directory, '.gitignore'));
  await rename(join(directory, 'src/fake-acme.ts'), join(directory, `src/fake-${name}.ts`));
  for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    await writeFile(path, named(await readFile(path, 'utf8'), name));
  }
  await addDependencies(join(directory, 'package.json'), directory);
  return { name };
}

function defaultName(directory: string): string {
  return basename(resolve(directory)).replace(/^wombat-/, '').replace(/^(provider|plugin)-/, '');
}

/** The template is about Acme: "acme" in texts and paths, "Acme" in names of the code. */
function named(text: string, name: string): string {
  const title = name.split('-').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
  return text.replaceAll('acme', name).replaceAll('Acme', title);
}

async function addDependencies(file: string, directory: string): Promise<void> {
  const own = await readPackage(join(here, 'package.json'));
  const { '@wombat/plugin-sdk': sdk, ...forTests } = own.devDependencies!;
  const workspace = join(here, '..');
  const isWorkspace = existsSync(join(workspace, 'sdk/package.json'));
  const dependencies = isWorkspace ? { '@wombat/plugin-sdk': `file:${join(workspace, 'sdk')}`, '@wombat/proto': `file:${join(workspace, '../proto')}` } : { '@wombat/plugin-sdk': sdk! };
  const devDependencies = isWorkspace ? { ...forTests, '@wombat/conformance': `file:${join(workspace, 'conformance')}` } : forTests;
  await writeFile(file, `${JSON.stringify({ ...await readPackage(file), dependencies, devDependencies }, undefined, 2)}\n`);
  // Copies of the workspace's packages: links would bring their own dependencies into the workspace.
  if (isWorkspace) await writeFile(join(directory, '.npmrc'), 'install-links=true\n');
}

interface Package {
  readonly devDependencies?: Readonly<Record<string, string>>;
}

async function readPackage(file: string): Promise<Package> {
  return JSON.parse(await readFile(file, 'utf8')) as Package;
}
