import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const left = new Set(['node_modules', 'dist', '.git', '.tap', 'test-results', '_build']);

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return left.has(entry.name) ? [] : filesUnder(path);
    return [relative(root, path)];
  });
}

const files = filesUnder(root);
const pages = files.filter((file) => file.endsWith('.md'));

t.test('links between pages lead somewhere', async (t) => {
  t.ok(pages.length > 5, 'there are pages');
  for (const page of pages) {
    for (const [, target = ''] of readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      t.ok(existsSync(resolve(root, dirname(page), target)), `${page} links to ${target}`);
    }
  }
});

t.test('files that the pages name are there', async (t) => {
  for (const page of pages.filter((page) => page.startsWith('docs/') || page === 'README.md')) {
    for (const [, name = ''] of readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\.(?:ts|js|cjs\.map|proto))`/g)) {
      t.ok(files.some((file) => file === name || file.endsWith(`/${name}`)), `${page} names ${name}`);
    }
  }
});

t.test('pages that hints and errors point to are there', async (t) => {
  const sources = files.filter((file) => file.endsWith('.ts') && !file.includes('/gen/') && !file.endsWith('.test.ts'));
  for (const file of sources) {
    for (const [name] of readFileSync(join(root, file), 'utf8').matchAll(/\b(?:docs|plugins\/[\w-]+)\/[\w/-]*\w\.md\b/g)) {
      t.ok(existsSync(join(root, name)), `${file} points to ${name}`);
    }
  }
});
