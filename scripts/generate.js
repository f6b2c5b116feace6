// Generates proto/src/gen from the .proto files, and the image that the coordinator's reflection serves.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const buf = `${root}node_modules/.bin/buf`;

export function generate(outputDirectory = `${root}proto/src/gen`) {
  rmSync(outputDirectory, { recursive: true, force: true });
  // buf.gen.yaml names its output folder relative to the base that --output gives.
  execFileSync(buf, ['generate', '--output', `${outputDirectory}/../..`], { cwd: `${root}proto`, stdio: 'inherit' });
}

/** The descriptors of all contracts; reflection serves them from the installed package. */
export function buildReflectionImage(outputFile = `${root}proto/reflection.binpb`) {
  const options = ['--as-file-descriptor-set', '--output', outputFile];
  execFileSync(buf, ['build', ...options], { cwd: `${root}proto`, stdio: 'inherit' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  generate();
  buildReflectionImage();
}
