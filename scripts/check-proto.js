// The contracts: linted, generated code up to date, no break with the last released protos.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from './generate.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const protoDirectory = join(root, 'proto');
const released = join(protoDirectory, 'released.binpb');

function buf(...argv) {
  execFileSync(join(root, 'node_modules/.bin/buf'), argv, { cwd: protoDirectory, stdio: 'inherit' });
}

function filesUnder(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function compareGenerated() {
  const committed = join(protoDirectory, 'src/gen');
  const scratch = mkdtempSync(join(protoDirectory, '.generated-'));
  try {
    const fresh = join(scratch, 'src/gen');
    generate(fresh);
    const names = filesUnder(fresh);
    const stale = [...new Set([...names, ...filesUnder(committed)])].filter((name) => {
      const [a, b] = [join(fresh, name), join(committed, name)];
      return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
    });
    if (stale.length > 0) throw new Error(`generated code is not up to date (npm run generate): ${stale.join(', ')}`);
    console.log(`proto: ${names.length} generated files are up to date`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

buf('lint');
compareGenerated();
buf('breaking', '--against', released);
console.log('proto: no break with the last released contracts');
