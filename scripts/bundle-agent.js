// Bundles the agent into agent/dist/bundle: agent.cjs is all that an agent loads which serves, and beside it
// lies one file for each library that is needed rarely or by the agent's helper processes only.
// Every text and every function that is loaded stays in memory for the agent's whole life, so what
// an agent can never use is left out here.
//
//   node scripts/bundle-agent.js [DIRECTORY]
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Package -> its file beside agent.cjs, loaded at its first use. */
const laterLibraries = { tar: 'tar', systeminformation: 'systeminformation', '@peculiar/x509': 'x509' };

/** grpc-js loads .proto files for channelz and load reports only, which an agent has not. */
const unusedPackage = /^@grpc\/proto-loader$/;

/** Parts of libraries that an agent never calls, and what stands for each. */
const unused = {
  // A client without balancing between servers.
  'grpc-js/build/src/server.js': '',
  'grpc-js/build/src/server-interceptors.js': '',
  'grpc-js/build/src/server-credentials.js': '',
  'grpc-js/build/src/orca.js': '',
  'grpc-js/build/src/load-balancer-outlier-detection.js': 'exports.setup = () => {}; exports.OutlierDetectionLoadBalancingConfig = class {};',
  'grpc-js/build/src/load-balancer-weighted-round-robin.js': 'exports.setup = () => {};',
  'grpc-js/build/src/resolver-uds.js': 'exports.setup = () => {};',
  // Log lines are written by this thread, to one place, and hold no secrets that would have to be blotted out.
  'pino/lib/transport.js': 'module.exports = () => { throw new Error("the bundle has no log transports"); };',
  'pino/lib/multistream.js': 'module.exports = () => { throw new Error("the bundle has no log multistream"); };',
  'pino/lib/redaction.js': 'module.exports = () => { throw new Error("the bundle has no log redaction"); };',
};

/** Lines of libraries that make Node.js load much for little: what is replaced, by what. */
const edits = {
  // Local time loads the tables of time zones, 0.9 MB; the sum is the same in UTC.
  'grpc-js/build/src/backoff-timeout.js': [
    ['this.endTime.setMilliseconds(this.endTime.getMilliseconds() +', 'this.endTime.setUTCMilliseconds(this.endTime.getUTCMilliseconds() +'],
    ['newEndTime.setMilliseconds(newEndTime.getMilliseconds() +', 'newEndTime.setUTCMilliseconds(newEndTime.getUTCMilliseconds() +'],
  ],
  // Neither end compresses messages: zlib is loaded when one does.
  'grpc-js/build/src/compression-filter.js': [['const zlib = require("zlib");', 'const zlib = new Proxy({}, { get: (_, name) => require("zlib")[name] });']],
  'pino/lib/tools.js': [["const { isMainThread } = require('worker_threads')", 'const isMainThread = true']],
};

/** The JSON form of messages, and messages made of some of their fields: agents speak the binary form, and write messages whole. As ts-proto writes them. */
const unusedMethod = /^ {4}(?:fromJSON|toJSON|create|fromPartial)\([^\n]*\{\n[\s\S]*?^ {4}\},?\n/gm;
/** What would call them all the same, and fail where it runs. */
const unusedCall = /\.(?:fromJSON|fromPartial)\(/;

const escaped = (text) => text.replace(/[./]/g, '\\$&');
const oneOf = (names) => new RegExp(`node_modules/(?:@grpc/)?(${names.map(escaped).join('|')})$`);

function laterLoaded() {
  const filter = new RegExp(`^(${Object.keys(laterLibraries).map(escaped).join('|')})$`);
  return {
    name: 'later-loaded',
    setup: ({ onResolve }) => onResolve({ filter }, ({ path }) => ({ path: `./${laterLibraries[path]}.cjs`, external: true })),
  };
}

function leaveOut() {
  const seen = new Set();
  const [unusedFile, editedFile] = [oneOf(Object.keys(unused)), oneOf(Object.keys(edits))];
  return {
    name: 'leave-out',
    setup({ onResolve, onLoad, onEnd }) {
      onResolve({ filter: unusedPackage }, ({ path }) => ({ path, namespace: 'left-out' }));
      onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
      onLoad({ filter: unusedFile }, ({ path }) => {
        const name = unusedFile.exec(path)[1];
        seen.add(name);
        return { contents: unused[name] };
      });
      onLoad({ filter: editedFile }, async ({ path }) => {
        const name = editedFile.exec(path)[1];
        seen.add(name);
        return edited(name, await readFile(path, 'utf8'));
      });
      onLoad({ filter: /proto\/dist\/gen\/.*\.js$/ }, async ({ path }) => ({ contents: (await readFile(path, 'utf8')).replace(unusedMethod, '') }));
      onEnd(() => {
        const missing = Object.keys({ ...unused, ...edits }).filter((name) => !seen.has(name));
        return missing.length === 0 ? undefined : { errors: [{ text: `there is no ${missing.join(', ')} any more: look again what an agent needs of it` }] };
      });
    },
  };
}

function edited(name, text) {
  const lost = edits[name].filter(([from]) => text.split(from).length !== 2);
  if (lost.length > 0) return { errors: lost.map(([from]) => ({ text: `${name} does not have once any more: ${from}` })) };
  return { contents: edits[name].reduce((result, [from, to]) => result.replace(from, () => to), text) };
}

const options = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // `require` where the source has `import()`: Node.js has two loaders, and one is enough.
  supported: { 'dynamic-import': false },
  minify: true,
  logLevel: 'warning',
  metafile: true,
};

/** Answers esbuild's metafiles: the agent's first, then one for each library beside it. */
export async function bundleAgent(directory = `${root}agent/dist/bundle`) {
  const agent = build({
    ...options,
    entryPoints: [`${root}agent/dist/main.js`],
    outfile: `${directory}/agent.cjs`,
    plugins: [laterLoaded(), leaveOut()],
    // What proto does to the JSON form of its messages is left out with that form.
    logOverride: { 'ignored-bare-import': 'silent' },
  });
  const libraries = Object.entries(laterLibraries).map(([name, file]) => build({
    ...options,
    stdin: { contents: `module.exports = require(${JSON.stringify(name)});`, resolveDir: `${root}agent` },
    outfile: `${directory}/${file}.cjs`,
  }));
  const built = await Promise.all([agent, ...libraries]);
  const [call] = unusedCall.exec(await readFile(`${directory}/agent.cjs`, 'utf8')) ?? [];
  if (call) throw new Error(`something in the agent calls ${call}...): no message has that in the bundle; encode and decode have defaults too`);
  return built.map(({ metafile }) => metafile);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { outputs } of await bundleAgent(process.argv[2])) {
    for (const [path, { bytes }] of Object.entries(outputs)) console.log(`${path} ${Math.round(bytes / 1024)} KiB`);
  }
}
