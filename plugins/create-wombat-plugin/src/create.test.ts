import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

t.setTimeout(180_000);

const bin = fileURLToPath(new URL('../bin/create-wombat-plugin.js', import.meta.url));
const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));

function workplace(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'wombat-create-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function run(program: string, words: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

t.test('the directory bears the name that was given, everywhere', (t) => {
  const directory = workplace(t);
  const made = run(bin, ['wombat-provider-blue-sky'], directory);
  t.equal(made.status, 0, made.stderr);
  t.match(made.stdout, /cd wombat-provider-blue-sky\n {2}npm install\n {2}npm test/);
  const root = join(directory, 'wombat-provider-blue-sky');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(root, name)).isFile());
  t.strictSame(files.sort(), ['.gitignore', '.npmrc', 'README.md', 'package.json', 'src/fake-blue-sky.ts', 'src/index.test.ts', 'src/index.ts', 'src/program.ts', 'tsconfig.json']);
  for (const name of files) t.notMatch(readFileSync(join(root, name), 'utf8'), /acme/i, name);
  const source = readFileSync(join(root, 'src/index.ts'), 'utf8');
  t.match(source, /name: 'blue-sky'/);
  t.match(source, /class BlueSkyProvider/);
  t.ok(source.split('\n').length <= 151, 'the provider has at most 150 lines');
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  t.ok(existsSync(dependencies['@wombat/plugin-sdk']!.replace('file:', '')), 'it uses the SDK of the workspace that it was made from');
  t.end();
});

t.test('what cannot be made is refused, and nothing is touched', (t) => {
  const directory = workplace(t);
  writeFileSync(join(directory, 'mine.txt'), 'mine');
  t.match(run(bin, ['.', '--name', 'sky'], directory), { status: 1, stderr: /\. is not empty/ });
  t.match(run(bin, ['Blue_Sky'], directory), { status: 1, stderr: /"Blue_Sky" is no name for a driver: .*give one with --name/ });
  for (const words of [[], ['sky', '--what'], ['sky', '--name'], ['sky', '--name', 'a', 'b']]) t.match(run(bin, words, directory), { status: 2, stderr: /^create-wombat-plugin DIRECTORY/ });
  t.strictSame(readdirSync(directory), ['mine.txt']);
  t.end();
});

t.test('what was made compiles, and passes conformance as it stands', { skip: process.env['WOMBAT_TEST_FULL'] ? false : 'in full runs' }, (t) => {
  const root = join(workplace(t), 'sky');
  t.equal(run(bin, [root], tmpdir()).status, 0);
  symlinkSync(modules, join(root, 'node_modules'));
  const compiled = run(join(modules, 'typescript/bin/tsc'), [], root);
  t.equal(compiled.status, 0, compiled.stdout);
  const tested = run(join(root, 'dist/index.test.js'), [], root);
  t.equal(tested.status, 0, tested.stdout);
  t.match(tested.stdout, /sky: 21 passed, 0 failed, 1 skipped/);
  t.end();
});
