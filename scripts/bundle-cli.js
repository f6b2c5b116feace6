// Bundles `wo` into cli/dist/bundle: one small file that every command starts with, and chunks that are loaded when they are needed.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function bundleCli(outputDirectory = `${root}cli/dist/bundle`) {
  rmSync(outputDirectory, { recursive: true, force: true });
  await build({
    entryPoints: [`${root}cli/dist/main.js`],
    outdir: outputDirectory,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    chunkNames: 'chunks/[name]-[hash]',
    // CommonJS packages (commander, grpc-js) ask for Node's own modules by require.
    banner: { js: "import { createRequire as wombatCreateRequire } from 'node:module'; const require = wombatCreateRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleCli();
